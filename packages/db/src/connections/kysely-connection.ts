import { CompiledQuery, type Kysely } from "kysely";

import type { Connection, Executor } from "../connection.ts";
import type { Awaitable } from "../steps.ts";
import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import type { SessionPins } from "./session-pins.ts";
import type { SqliteConnectionOptions } from "./sqlite-connection.ts";

/** How connections of one database begin and end what they do. */
export interface KyselyUse {
  /** What starts a transaction that will write. */
  readonly begin: readonly string[];
  readonly commit?: string;
  readonly rollback?: string;
  /** Reads what sessions have to have changed while they are used; `undefined` when nothing. Asked once. */
  readonly readPins?: (executor: Executor) => Promise<SessionPins | undefined>;
}

/** A connection through a Kysely instance of the user's, which stays the user's to close. */
export class KyselyConnection implements Connection {
  readonly #kysely: Kysely<unknown>;
  readonly #alone: Executor;
  readonly #options: SqliteConnectionOptions;
  readonly #use: KyselyUse;
  #pins: SessionPins | null | undefined;
  #impatient: KyselyConnection | undefined;

  constructor(kysely: Kysely<unknown>, use: KyselyUse, options: SqliteConnectionOptions) {
    this.#kysely = kysely;
    this.#alone = kyselyExecutor(kysely);
    this.#use = use;
    if (use.readPins === undefined) this.#pins = null;
    this.#options = options;
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#one((executor) => executor.query(sql, params));

  readonly run: Executor["run"] = (sql, params) =>
    this.#one((executor) => executor.run(sql, params));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return this.#patiently(() => this.#pinned((executor) => this.#once(executor, work)));
  }

  get impatient(): Connection {
    this.#impatient ??= new KyselyConnection(this.#kysely, this.#use, {
      ...this.#options,
      busyLimitMs: 0,
    });
    return this.#impatient;
  }

  async close(): Promise<void> {
    this.#options.file?.close();
  }

  /** One statement, on any connection where none has to be made fit for it. */
  #one<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return this.#patiently(() => (this.#pins === null ? work(this.#alone) : this.#pinned(work)));
  }

  /** Has a connection to itself. */
  async #pinned<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return this.#kysely.connection().execute(async (db) => {
      const executor = kyselyExecutor(db);
      const pins = (this.#pins ??= (await this.#use.readPins?.(executor)) ?? null);
      if (pins === null) return work(executor);
      await executor.run(pins.pin, []);
      try {
        return await work(executor);
      } finally {
        await executor.run(pins.restore, []);
      }
    });
  }

  async #once<T>(executor: Executor, work: (executor: Executor) => Awaitable<T>): Promise<T> {
    const { begin, commit = "commit", rollback = "rollback" } = this.#use;
    // Kysely's own transactions begin as readers on SQLite, and fail when they turn into writers.
    for (const statement of begin) await executor.run(statement, []);
    try {
      const result = await work(executor);
      await executor.run(commit, []);
      return result;
    } catch (error) {
      // The error that led here says more than one of the rollback.
      await executor.run(rollback, []).catch(() => undefined);
      throw error;
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.#options.file?.assertInPlace();
      return await whileBusy(work, this.#options.busyLimitMs);
    } catch (error) {
      throw toTasksError(error, this.#options.where);
    }
  }
}

/** Runs statements on a Kysely instance or transaction, past its plugins: those may rename columns. */
export function kyselyExecutor(kysely: Kysely<unknown>): Executor {
  const plain = kysely.withoutPlugins();
  const execute: (
    sql: string,
    params: readonly unknown[],
  ) => ReturnType<typeof plain.executeQuery<Record<string, unknown>>> = (sql, params) =>
    plain.executeQuery<Record<string, unknown>>(CompiledQuery.raw(sql, [...params]));
  const run: Executor["run"] = async (sql, params) =>
    Number((await execute(sql, params)).numAffectedRows ?? 0);
  return {
    query: async (sql, params) => (await execute(sql, params)).rows,
    run,
    runMany: async (sql, paramLists) => {
      const changes: number[] = [];
      for (const params of paramLists) changes.push(await run(sql, params));
      return changes;
    },
  };
}
