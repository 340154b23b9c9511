import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

import { BackendUnavailable } from "@tasks/core";
import { monotonicNow } from "@tasks/core/worker";

import type { Connection, Executor } from "../connection.ts";
import type { Awaitable } from "../steps.ts";
import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import { whileUngreeted } from "./greeting.ts";
import { answerOf, discard } from "./mysql-answer.ts";
import { mysqlExecutor, type MysqlClient, type MysqlCorePool } from "./mysql-client.ts";
import { isBroken, isNetworkError } from "./mysql-errors.ts";
import { COMMIT_MYSQL, pinMysqlSession, readMysqlPins, ROLLBACK_MYSQL } from "./mysql-session.ts";
import type { SessionPins } from "./session-pins.ts";
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

/** What is known about a pool and its connections. */
class PoolState {
  readonly maxPacket: { bytes: number | undefined } = { bytes: undefined };
  /** When connections of the pool answered last, on the clock of `monotonicNow()`. */
  readonly answeredAtMs: WeakMap<MysqlClient, number> = new WeakMap();
  /** What sessions of the user's have to have changed while they are used. */
  readonly pins: WeakMap<MysqlClient, SessionPins | null> = new WeakMap();
  /** Connections in use. */
  readonly clients: Set<MysqlClient> = new Set();
  /** When a connection broke or stopped answering last, on the same clock. */
  troubleAtMs: number = Number.NEGATIVE_INFINITY;
  isClosed = false;
}

/** A connection on a pool of `mysql2`. */
export class MysqlConnection implements Connection {
  readonly #pool: MysqlCorePool;
  readonly #options: MysqlConnectionOptions;
  readonly #begin: readonly string[];
  /** 0 for no limit. */
  readonly #answerLimitMs: number;
  readonly #silence: SilenceWatch;
  readonly #state: PoolState;
  #impatient: MysqlConnection | undefined;

  constructor(
    pool: MysqlCorePool,
    options: MysqlConnectionOptions,
    state: PoolState = new PoolState(),
    answerLimitMs: number = options.answerLimitMs,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#answerLimitMs = answerLimitMs;
    this.#silence = new SilenceWatch(options.inquiry);
    this.#state = state;
    this.#begin = options.owned ? ["start transaction read write"] : BEGIN_MYSQL;
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#patiently((executor) => executor.query(sql, params));

  readonly run: Executor["run"] = (sql, params) =>
    this.#patiently((executor) => executor.run(sql, params));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return this.#patiently(async (executor) => {
      for (const statement of this.#begin) await executor.run(statement, []);
      try {
        const result = await work(executor);
        await executor.run(COMMIT_MYSQL, []);
        return result;
      } catch (error) {
        // The error that led here says more. A connection that cannot roll back is broken, and given up.
        await executor.run(ROLLBACK_MYSQL, []).catch(() => undefined);
        throw error;
      }
    });
  }

  get impatient(): Connection {
    this.#impatient ??= new MysqlConnection(
      this.#pool,
      { ...this.#options, busyLimitMs: 0 },
      this.#state,
    );
    return this.#impatient;
  }

  get unhurried(): Connection {
    // The state belongs to the pool: a connection must not be set up twice.
    return new MysqlConnection(this.#pool, this.#options, this.#state, 0);
  }

  async close(): Promise<void> {
    if (this.#state.isClosed) return;
    this.#state.isClosed = true;
    if (!this.#options.owned) return;
    const ending = new Promise<void>((resolve) => {
      this.#pool.end(() => resolve());
    });
    const over = new AbortController();
    // Idle connections do not keep the process alive: the limit does, until they have ended. A server that does not answer is not waited for.
    const limit = sleep(CLOSE_MS, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([ending, limit]);
    over.abort();
    for (const client of this.#state.clients) discard(client);
  }

  async #patiently<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const { where, busyLimitMs } = this.#options;
    try {
      return await whileBusy(() => {
        if (this.#state.isClosed) throw new BackendUnavailable(`${where}: it was closed.`);
        return whileUngreeted(() => this.#once(work));
      }, busyLimitMs);
    } catch (error) {
      throw toTasksError(error, where);
    }
  }

  async #once<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    const { owned } = this.#options;
    const client = await this.#acquire();
    this.#state.clients.add(client);
    let broken: unknown;
    const guarded = failFast((error) => {
      broken = error;
      if (isNetworkError(error)) this.#state.troubleAtMs = monotonicNow();
    });
    let isInTransaction = false;
    const executor = mysqlExecutor(client, {
      answerLimitMs: this.#answerLimitMs,
      maxPacket: this.#state.maxPacket,
      isForeign: !owned,
      onStatus: (isOpen) => {
        isInTransaction = isOpen;
      },
      around: (statement) => guarded(() => this.#watch(client, statement)),
    });
    let pins: SessionPins | null = null;
    try {
      if (!owned) pins = await this.#pin(client, executor);
      const result = await work(executor);
      // The application has turned autocommit off since the session was looked at.
      if (isInTransaction) {
        await executor.run(COMMIT_MYSQL, []);
        this.#state.pins.delete(client);
      }
      return result;
    } finally {
      // A session that cannot be given back as it was is not given back.
      if (pins !== null && broken === undefined) {
        await executor.run(pins.restore, []).catch((error: unknown) => {
          broken = error;
        });
      }
      this.#state.clients.delete(client);
      if (broken === undefined) {
        this.#state.answeredAtMs.set(client, monotonicNow());
        if (owned) setAlive(client, false);
        client.release();
      } else {
        discard(client);
      }
    }
  }

  /** Makes a session of the user's fit for our statements. It is looked at once. */
  async #pin(client: MysqlClient, executor: Executor): Promise<SessionPins | null> {
    const { pins: known } = this.#state;
    let pins = known.get(client);
    if (pins === undefined) {
      pins = (await readMysqlPins(executor)) ?? null;
      known.set(client, pins);
    }
    if (pins !== null) await executor.run(pins.pin, []);
    return pins;
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
      // The process must stay alive until the caller has its reply.
      setAlive(client, true);
      const answeredAtMs = this.#state.answeredAtMs.get(client);
      if (answeredAtMs === undefined) {
        await this.#setUp(client);
        return client;
      }
      // Whatever broke another connection may have silenced this one too.
      if (answeredAtMs >= this.#state.troubleAtMs) return client;
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
    `set ${pinMysqlSession()}`,
    `set session innodb_lock_wait_timeout = ${lockSeconds} /*M! , idle_transaction_timeout = ${idleSeconds} */`,
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
