import { BackendUnavailable } from "@tasks/core";

import type { Connection, DirectExecutor, Executor, Row, SqlValue } from "../connection.ts";
import type { Awaitable } from "../steps.ts";
import { whileBusy } from "./busy.ts";
import { isBusy, toTasksError } from "./errors.ts";
import { Mutex } from "./mutex.ts";
import type { SqliteFile } from "./sqlite-file.ts";
import type { SqliteHandle } from "./sqlite-handle.ts";

/** Options of a connection on a synchronous handle. */
export interface SqliteConnectionOptions {
  /** How errors call the database; without credentials. */
  readonly where: string;
  /** How long a busy database is tried again, in milliseconds. */
  readonly busyLimitMs: number;
  /** `close()` closes the handle. */
  readonly owned: boolean;
  /** The file it is on; absent for a database that has none. */
  readonly file?: SqliteFile | undefined;
}

/** A connection on a handle of `node:sqlite`, better-sqlite3 or libsql. */
export class SqliteConnection implements Connection {
  readonly #handle: SqliteHandle;
  readonly #options: SqliteConnectionOptions;
  readonly #mutex = new Mutex();
  readonly #inside: Executor;
  #isClosed = false;

  constructor(handle: SqliteHandle, options: SqliteConnectionOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#inside = sqliteExecutor(handle);
  }

  query(sql: string, params: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.#alone(() => this.#handle.prepare(sql).all(params), isRead(sql));
  }

  run(sql: string, params: readonly SqlValue[]): Promise<number> {
    return this.#alone(() => this.#handle.prepare(sql).run(params), false);
  }

  runMany(sql: string, paramLists: readonly (readonly SqlValue[])[]): Promise<readonly number[]> {
    return this.transaction((executor) => (executor.direct ?? executor).runMany(sql, paramLists));
  }

  async transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return this.#patiently(() => this.#once(work));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.file?.close();
    if (!this.#options.owned) return;
    // Work that has begun ends first.
    await this.#mutex.run(async () => this.#handle.close());
  }

  async #once<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    this.#assertUsable();
    this.#handle.prepare("begin immediate").run([]);
    try {
      const result = work(this.#inside);
      // The application may use the connection at the next turn, and its writes would go with a
      // rollback.
      if (result instanceof Promise) throw new TypeError("A transaction on SQLite must not wait.");
      this.#handle.prepare("commit").run([]);
      return result;
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  #rollback(): void {
    try {
      this.#handle.prepare("rollback").run([]);
    } catch {
      // SQLite rolls back by itself on a full disk or a broken file; the error that led here says more.
    }
  }

  /** One statement by itself: at once when nobody else is at work, so that the usual case costs no turn of the queue. */
  async #alone<T>(statement: () => T, readsOnly: boolean): Promise<T> {
    const isFree = this.#mutex.isFree && !this.#isClosed;
    // Whoever has a transaction open on this connection may read in it.
    if (isFree && (readsOnly || !this.#handle.inTransaction())) {
      try {
        this.#options.file?.assertInPlace();
        return statement();
      } catch (error) {
        if (!isBusy(error)) throw toTasksError(error, this.#options.where);
      }
    }
    return this.#patiently(async () => {
      this.#assertUsable(readsOnly);
      return statement();
    });
  }

  /** Between two tries others have their turn: readers need not wait for a writer that waits for a lock. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await whileBusy(() => this.#mutex.run(work), this.#options.busyLimitMs);
    } catch (error) {
      throw toTasksError(error, this.#options.where);
    }
  }

  #assertUsable(readsOnly = false): void {
    if (this.#isClosed) throw new BackendUnavailable(`${this.#options.where}: it was closed.`);
    this.#options.file?.assertInPlace();
    // A statement now would join the caller's transaction, and go with it when it is rolled back.
    if (!readsOnly && this.#handle.inTransaction()) throw new OpenTransaction();
  }
}

function isRead(sql: string): boolean {
  return /^(?:select|with)\b/.test(sql);
}

/** Runs statements on a handle as it stands, inside whatever transaction is open. */
export function sqliteExecutor(handle: SqliteHandle): Executor {
  const direct: DirectExecutor = {
    query: (sql, params) => handle.prepare(sql).all(params),
    run: (sql, params) => handle.prepare(sql).run(params),
    runMany: (sql, paramLists) => {
      const statement = handle.prepare(sql);
      return paramLists.map((params) => statement.run(params));
    },
    inTransaction: () => handle.inTransaction(),
  };
  return {
    query: async (sql, params) => direct.query(sql, params),
    run: async (sql, params) => direct.run(sql, params),
    runMany: async (sql, paramLists) => direct.runMany(sql, paramLists),
    direct,
  };
}

/** Waited for like a busy database: the transaction may end any moment. */
class OpenTransaction extends Error {
  override readonly name = "OpenTransaction";
  readonly code = "SQLITE_BUSY";
  constructor() {
    super(
      "a transaction is open on the connection the backend was given. " +
        "To enqueue inside it, pass it: task.using({ transaction }).enqueue(…)",
    );
  }
}
