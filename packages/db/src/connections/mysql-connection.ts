import { setTimeout as sleep } from "node:timers/promises";

import { BackendUnavailable } from "@tasks/core";

import type { Connection, Executor } from "../connection.ts";
import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import { whileUngreeted } from "./greeting.ts";
import { answerOf, discard } from "./mysql-answer.ts";
import { mysqlExecutor, type MysqlClient, type MysqlCorePool } from "./mysql-client.ts";
import { isBroken, isNetworkError } from "./mysql-errors.ts";
import { SilenceWatch, type Inquiry, type Watched } from "./silence-watch.ts";

/** Options of a connection on a pool. */
export interface MysqlConnectionOptions {
  /** How errors call the database; without credentials. */
  readonly where: string;
  /** How long a statement that met a deadlock or a lock is tried again, in milliseconds. */
  readonly busyLimitMs: number;
  /** The pool is the backend's own: its connections get settings, and do not keep the process alive; `close()` ends it. */
  readonly owned: boolean;
  readonly inquiry: Inquiry;
  /** How long the server may take to answer a statement, and the pool to give a connection, in milliseconds. */
  readonly answerLimitMs: number;
}

/**
 * Starts a transaction that reads what others have committed, whatever the server's default is. Under the usual one, locks of gaps between rows would
 * hold up those who enqueue.
 */
export const BEGIN_MYSQL: readonly string[] = [
  "set transaction isolation level read committed",
  "start transaction read write",
];

/** The longest wait for a lock, in seconds. */
const LOCK_SECONDS = 10;
/** How long closing waits for statements under way, in milliseconds. */
const CLOSE_MS = 2000;

/** A connection on a pool of `mysql2`. */
export class MysqlConnection implements Connection {
  readonly #pool: MysqlCorePool;
  readonly #options: MysqlConnectionOptions;
  readonly #begin: readonly string[];
  /** 0 for as long as it takes. */
  #answerLimitMs: number;
  readonly #maxPacket: { bytes: number | undefined } = { bytes: undefined };
  /** When connections of the pool answered last, on the clock of `performance.now()`. */
  readonly #answeredAtMs = new WeakMap<MysqlClient, number>();
  readonly #clients = new Set<MysqlClient>();
  readonly #silence: SilenceWatch;
  /** When a connection broke or fell silent last, on the same clock. */
  #troubleAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(pool: MysqlCorePool, options: MysqlConnectionOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#answerLimitMs = options.answerLimitMs;
    this.#silence = new SilenceWatch(options.inquiry);
    this.#begin = options.owned ? ["start transaction read write"] : BEGIN_MYSQL;
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#patiently((executor) => executor.query(sql, params));

  readonly run: Executor["run"] = (sql, params) =>
    this.#patiently((executor) => executor.run(sql, params));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return this.#patiently(async (executor) => {
      for (const statement of this.#begin) await executor.run(statement, []);
      try {
        const result = await work(executor);
        await executor.run("commit", []);
        return result;
      } catch (error) {
        // The error that led here says more. A connection that cannot roll back is broken, and given up.
        await executor.run("rollback", []).catch(() => undefined);
        throw error;
      }
    });
  }

  get unhurried(): Connection {
    const unhurried = new MysqlConnection(this.#pool, this.#options);
    unhurried.#answerLimitMs = 0;
    return unhurried;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#options.owned) return;
    const ending = new Promise<void>((resolve) => {
      this.#pool.end(() => resolve());
    });
    // A server that does not answer is not waited for.
    await Promise.race([ending, sleep(CLOSE_MS, undefined, { ref: false })]);
    for (const client of this.#clients) discard(client);
  }

  async #patiently<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const { where, busyLimitMs } = this.#options;
    try {
      return await whileBusy(() => {
        if (this.#isClosed) throw new BackendUnavailable(`${where}: it was closed.`);
        return whileUngreeted(() => this.#once(work));
      }, busyLimitMs);
    } catch (error) {
      throw toTasksError(error, where);
    }
  }

  async #once<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const { owned } = this.#options;
    const client = await this.#acquire();
    this.#clients.add(client);
    let broken: unknown;
    const guarded = failFast((error) => {
      broken = error;
      if (isNetworkError(error)) this.#troubleAtMs = performance.now();
    });
    const executor = mysqlExecutor(client, {
      answerLimitMs: this.#answerLimitMs,
      maxPacket: this.#maxPacket,
      around: (statement) => guarded(() => this.#watch(client, statement)),
    });
    try {
      return await work(executor);
    } finally {
      this.#clients.delete(client);
      if (broken === undefined) {
        this.#answeredAtMs.set(client, performance.now());
        if (owned) setAlive(client, false);
        client.release();
      } else {
        discard(client);
      }
    }
  }

  /** Runs a statement on a client under watch. */
  async #watch<T>(client: MysqlClient, statement: () => Promise<T>): Promise<T> {
    const watched: Watched = {
      serverId: client.threadId,
      bytesWritten: () => client.stream?.bytesWritten ?? 0,
      isWaiting: () => true,
      giveUp: (error) => discard(client, error),
    };
    this.#silence.begin(watched);
    try {
      return await statement();
    } finally {
      this.#silence.end(watched);
    }
  }

  async #acquire(): Promise<MysqlClient> {
    for (;;) {
      const client = await this.#getConnection();
      if (!this.#options.owned) return client;
      const answeredAtMs = this.#answeredAtMs.get(client);
      if (answeredAtMs === undefined) {
        await this.#setUp(client);
        return client;
      }
      // Whatever broke another connection may have silenced this one too.
      if (answeredAtMs >= this.#troubleAtMs) {
        setAlive(client, true);
        return client;
      }
      discard(client);
    }
  }

  /** The pool forgets who waits for a connection when those it has, or was making, break: so nobody waits for ever. */
  async #getConnection(): Promise<MysqlClient> {
    const { where } = this.#options;
    const answerLimitMs = this.#answerLimitMs;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const giveUp = (): void => {
        isLate = true;
        reject(
          new BackendUnavailable(
            `${where}: the pool gave no connection within answerLimitMs, ${answerLimitMs} ms.`,
          ),
        );
      };
      const timer = answerLimitMs === 0 ? undefined : setTimeout(giveUp, answerLimitMs);
      this.#pool.getConnection((error, client) => {
        clearTimeout(timer);
        if (error !== null && error !== undefined) reject(error as Error);
        else if (isLate) client.release();
        else resolve(client);
      });
    });
  }

  async #setUp(client: MysqlClient): Promise<void> {
    // Without a listener, an idle connection that breaks would end the process.
    client.on("error", () => undefined);
    try {
      const { answerLimitMs } = this.#options;
      for (const sql of settings(answerLimitMs)) {
        await this.#watch(client, () => answerOf("query", client, { sql }, answerLimitMs));
      }
    } catch (error) {
      discard(client);
      throw error;
    }
  }
}

/** Settings of our own connections. Whoever cannot be reached any more holds locks for no longer than an answer may take, where the server can see to it. */
function settings(answerLimitMs: number): readonly string[] {
  // A wait for a lock is over before it looks like silence.
  const lockSeconds = Math.max(1, Math.min(LOCK_SECONDS, Math.floor(answerLimitMs / 1500)));
  const idleSeconds = Math.ceil(answerLimitMs / 1000);
  return [
    "set session transaction isolation level read committed",
    `set session innodb_lock_wait_timeout = ${lockSeconds}, sql_mode = 'STRICT_TRANS_TABLES' /*M! , idle_transaction_timeout = ${idleSeconds} */`,
  ];
}

/** Reports what breaks the connection. Whatever follows fails at once, rather than wait behind a statement without an answer. */
function failFast(
  onBroken: (error: unknown) => void,
): <T>(statement: () => Promise<T>) => Promise<T> {
  let broken: { readonly error: unknown } | undefined;
  return async (statement) => {
    if (broken !== undefined) throw broken.error;
    try {
      return await statement();
    } catch (error) {
      if (isBroken(error)) {
        broken = { error };
        onBroken(error);
      }
      throw error;
    }
  };
}

/** Whether an idle connection lets the process end. */
function setAlive({ stream }: MysqlClient, isAlive: boolean): void {
  if (isAlive) stream?.ref?.();
  else stream?.unref?.();
}
