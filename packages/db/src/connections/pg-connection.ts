import { BackendUnavailable } from "@tasks/core";

import type { Connection, Executor, Notified } from "../connection.ts";
import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import { pgExecutor, type PgListener, type PgPool } from "./pg-client.ts";

/** Options of a connection on a pool. */
export interface PgConnectionOptions {
  /** How errors call the database; without credentials. */
  readonly where: string;
  /** How long a statement that met a deadlock or a conflict is tried again, in milliseconds. */
  readonly busyLimitMs: number;
  /** `close()` ends the pool. */
  readonly owned: boolean;
  /** Statements are planned once per connection. */
  readonly named: boolean;
  /** Makes a client of its own to listen with; `null` where it would hear nothing. */
  readonly createListener: (() => PgListener) | null;
}

/** Starts a transaction that reads what others have committed, whatever the server's default is. */
export const BEGIN_POSTGRES = "begin isolation level read committed read write";

/** A connection on a pool of `pg`. */
export class PgConnection implements Connection {
  readonly #pool: PgPool;
  readonly #options: PgConnectionOptions;
  readonly #alone: Executor;
  readonly listen?: NonNullable<Connection["listen"]>;
  #isClosed = false;

  constructor(pool: PgPool, options: PgConnectionOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#alone = pgExecutor(pool, options.named);
    const { createListener } = options;
    if (createListener !== null) {
      this.listen = (channel, notified) => this.#listen(createListener(), channel, notified);
    }
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#patiently(() => this.#alone.query(sql, params));

  readonly run: Executor["run"] = (sql, params) =>
    this.#patiently(() => this.#alone.run(sql, params));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return this.#patiently(() => this.#once(work));
  }

  async #listen(
    client: PgListener,
    channel: string,
    { onMessage, onLost }: Notified,
  ): ReturnType<NonNullable<Connection["listen"]>> {
    let isClosing = false;
    let lose = (): void => {
      lose = () => undefined;
      if (!isClosing) onLost();
    };
    client.on("error", () => lose());
    client.on("end", () => lose());
    client.on("notification", ({ payload }) => onMessage(payload ?? ""));
    const close = async (): Promise<void> => {
      isClosing = true;
      // Whoever waits for the end must not find the process over before it.
      client.ref?.();
      await client.end().catch(() => undefined);
    };
    try {
      await client.connect();
      await client.query({ text: `listen "${channel}"`, values: [] });
    } catch (error) {
      await close();
      throw toTasksError(error, this.#options.where);
    }
    const setActive = (active: boolean): void => {
      if (active) client.ref?.();
      else client.unref?.();
    };
    return { setActive, close };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#options.owned) await this.#pool.end?.();
  }

  async #once<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let failure: unknown;
    // Without a listener, a connection that breaks between two statements would end the process.
    const onError = (error: unknown): void => {
      failure = error;
    };
    client.on("error", onError);
    try {
      return await inTransaction(pgExecutor(client, this.#options.named), work);
    } catch (error) {
      failure ??= isBroken(error) ? error : undefined;
      throw error;
    } finally {
      client.removeListener("error", onError);
      // A connection in doubt is not given to anybody else.
      client.release(failure !== undefined);
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { where, busyLimitMs } = this.#options;
    try {
      return await whileBusy(() => {
        if (this.#isClosed) throw new BackendUnavailable(`${where}: it was closed.`);
        return work();
      }, busyLimitMs);
    } catch (error) {
      throw toTasksError(error, where);
    }
  }
}

async function inTransaction<T>(
  executor: Executor,
  work: (executor: Executor) => Promise<T>,
): Promise<T> {
  await executor.run(BEGIN_POSTGRES, []);
  try {
    const result = await work(executor);
    await executor.run("commit", []);
    return result;
  } catch (error) {
    try {
      await executor.run("rollback", []);
    } catch (cause) {
      throw new UnfinishedTransaction(error, cause);
    }
    throw error;
  }
}

/** The error that led to a rollback, where the rollback failed as well. */
class UnfinishedTransaction extends Error {
  override readonly name = "UnfinishedTransaction";
  readonly code: unknown;
  constructor(error: unknown, cause: unknown) {
    super(error instanceof Error ? error.message : String(error), { cause });
    this.code =
      typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof UnfinishedTransaction;
}
