import { setTimeout as sleep } from "node:timers/promises";

import { BackendUnavailable, TasksError } from "@tasks/core";
import { isError } from "@tasks/core/worker";

import type { Connection, Executor } from "../connection.ts";
import { toText } from "../rows.ts";
import type { Awaitable } from "../steps.ts";
import { whileBusy } from "./busy.ts";
import { isUnanswered, sqlState, toTasksError } from "./errors.ts";
import { whileUngreeted } from "./greeting.ts";
import { pgExecutor, type PgListener, type PgPool } from "./pg-client.ts";
import { listen } from "./pg-listen.ts";
import type { SessionPins } from "./session-pins.ts";

/** Options of a connection on a pool. */
export interface PgConnectionOptions {
  /** How errors call the database; without credentials. */
  readonly where: string;
  /** How long a statement that met a deadlock or a conflict is tried again, in milliseconds. */
  readonly busyLimitMs: number;
  /** How long the server may take to answer a statement, in milliseconds; 0 for as long as it likes. */
  readonly answerLimitMs: number;
  /** Breaks off every connection of the pool after a while, where it is the backend's own: `close()` ends it. `null` for a pool of the user's. */
  readonly breakOff: ((afterMs: number) => void) | null;
  /** Statements are planned once per connection. */
  readonly named: boolean;
  /** The connections' own settings end transactions that are left behind. */
  readonly isSet: boolean;
  /** Makes a client of its own to listen with; `null` where it would hear nothing. */
  readonly createListener: (() => PgListener) | null;
}

/** Starts a transaction that reads what others have committed, whatever the server's default is. */
export const BEGIN_POSTGRES = "begin isolation level read committed";

/** A write in a transaction that only reads, as after a failover to a standby. */
const READ_ONLY = "25006";

/** The transactions of a connection see what others have committed, unless they say otherwise. */
async function readsCommitted(executor: Executor): Promise<boolean> {
  return (await readIsolation(executor)).startsWith("read ");
}

/** What sessions of a Kysely's have to have changed while they are used. */
export async function readPgPins(executor: Executor): Promise<SessionPins | undefined> {
  const isolation = await readIsolation(executor);
  if (isolation.startsWith("read ")) return undefined;
  const set = "set session characteristics as transaction isolation level";
  return { pin: `${set} read committed`, restore: `${set} ${isolation}` };
}

async function readIsolation(executor: Executor): Promise<string> {
  const [row] = await executor.query(
    "select current_setting('default_transaction_isolation') as isolation",
    [],
  );
  return toText(row?.["isolation"]);
}

/** How long closing waits for statements under way, in milliseconds. */
const LAST_ANSWERS_MS = 2000;
/** How long connections may take over their goodbye, in milliseconds; nobody waits for it. */
const GOODBYE_MS = 500;

/** A connection on a pool of `pg`. */
export class PgConnection implements Connection {
  readonly #pool: PgPool;
  readonly #options: PgConnectionOptions;
  /** Statements that stand alone read what others have committed; otherwise each gets a transaction that does. */
  #readsCommitted: boolean | undefined;
  readonly listen?: NonNullable<Connection["listen"]>;
  #impatient: PgConnection | undefined;
  #isClosed = false;

  constructor(pool: PgPool, options: PgConnectionOptions) {
    this.#pool = pool;
    this.#options = options;
    if (options.isSet) this.#readsCommitted = true;
    const { createListener, where } = options;
    if (createListener !== null) {
      this.listen = async (channel, notified) => {
        try {
          return await listen(createListener(), channel, notified);
        } catch (error) {
          throw toTasksError(error, where);
        }
      };
    }
  }

  get impatient(): Connection {
    this.#impatient ??= new PgConnection(this.#pool, {
      ...this.#options,
      busyLimitMs: 0,
      breakOff: null,
    });
    return this.#impatient;
  }

  get unhurried(): Connection {
    return new PgConnection(this.#pool, { ...this.#options, answerLimitMs: 0, breakOff: null });
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#patiently(() => this.#alone((executor) => executor.query(sql, params)));

  readonly run: Executor["run"] = (sql, params) =>
    this.#patiently(() => this.#alone((executor) => executor.run(sql, params)));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return this.#patiently(() => this.#inTransaction(work));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { breakOff } = this.#options;
    if (breakOff === null) return;
    const over = new AbortController();
    const { signal } = over;
    // A server that is gone answers neither statements nor goodbyes.
    const isIdle = await Promise.race([
      this.#pool.end?.().then(() => true),
      sleep(LAST_ANSWERS_MS, false, { signal }).catch(() => false),
    ]);
    over.abort();
    breakOff(isIdle === true ? GOODBYE_MS : 0);
  }

  async #alone<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    this.#readsCommitted ??= await this.#withClient(readsCommitted);
    return this.#readsCommitted ? this.#withClient(work) : this.#inTransaction(work);
  }

  #inTransaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    const begin = BEGIN_POSTGRES + this.#localSettings();
    return this.#withClient((executor) => inTransaction(executor, begin, work));
  }

  async #withClient<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    const client = await this.#pool.connect();
    let failure: unknown;
    // Without a listener, a connection that breaks between two statements would end the process.
    const onError = (error: unknown): void => {
      failure = error;
    };
    client.on("error", onError);
    try {
      const { named, answerLimitMs } = this.#options;
      return await work(pgExecutor(client, named, answerLimitMs));
    } catch (error) {
      failure ??= isBroken(error) ? error : undefined;
      throw error;
    } finally {
      client.removeListener("error", onError);
      // A connection in doubt is not given to anybody else.
      client.release(failure !== undefined);
    }
  }

  /** Part of the statement that begins a transaction: a round trip of its own would be a high price. */
  #localSettings(): string {
    const { answerLimitMs, isSet } = this.#options;
    // Settings of the connection, or of the user's role, may say otherwise.
    if (answerLimitMs === 0) return "; set local statement_timeout = 0";
    return isSet ? "" : `; set local idle_in_transaction_session_timeout = ${answerLimitMs}`;
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { where, busyLimitMs } = this.#options;
    try {
      return await whileBusy(() => {
        if (this.#isClosed) throw new BackendUnavailable(`${where}: it was closed.`);
        return whileUngreeted(work);
      }, busyLimitMs);
    } catch (error) {
      throw toTasksError(error, where);
    }
  }
}

async function inTransaction<T>(
  executor: Executor,
  begin: string,
  work: (executor: Executor) => Awaitable<T>,
): Promise<T> {
  await executor.run(begin, []);
  try {
    const result = await work(executor);
    await executor.run("commit", []);
    return result;
  } catch (error) {
    // Behind a statement that is not answered the rollback would not be either.
    if (isUnanswered(error)) throw new UnfinishedTransaction(error, error);
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
    super(isError(error) ? error.message : String(error), { cause });
    this.code =
      typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  }
}

/** The connection is of no use any more: nobody knows what it is doing, the server ends it, or it leads to a server that only reads. */
function isBroken(error: unknown): boolean {
  if (error instanceof UnfinishedTransaction || isUnanswered(error)) return true;
  if (TasksError.is(error)) return false;
  const state = sqlState(error);
  return state === "" || state === READ_ONLY || state.startsWith("57P") || state.startsWith("08");
}
