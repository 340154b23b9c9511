import { CompiledQuery, type Kysely } from "kysely";

import type { Connection, Executor } from "../connection.ts";
import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import type { SqliteConnectionOptions } from "./sqlite-connection.ts";

/** A connection through a Kysely instance of the user's, which stays the user's to close. */
export class KyselyConnection implements Connection {
  readonly #kysely: Kysely<unknown>;
  readonly #alone: Executor;
  readonly #options: SqliteConnectionOptions;
  /** What starts a transaction that will write. */
  readonly #begin: readonly string[];

  constructor(
    kysely: Kysely<unknown>,
    begin: string | readonly string[],
    options: SqliteConnectionOptions,
  ) {
    this.#kysely = kysely;
    this.#alone = kyselyExecutor(kysely);
    this.#begin = typeof begin === "string" ? [begin] : begin;
    this.#options = options;
  }

  readonly query: Executor["query"] = (sql, params) =>
    this.#patiently(() => this.#alone.query(sql, params));

  readonly run: Executor["run"] = (sql, params) =>
    this.#patiently(() => this.#alone.run(sql, params));

  readonly runMany: Executor["runMany"] = (sql, paramLists) =>
    this.transaction((executor) => executor.runMany(sql, paramLists));

  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return this.#patiently(() => this.#kysely.connection().execute((db) => this.#once(db, work)));
  }

  async close(): Promise<void> {}

  async #once<T>(db: Kysely<unknown>, work: (executor: Executor) => Promise<T>): Promise<T> {
    // Kysely's own transactions begin as readers on SQLite, and fail when they turn into writers.
    const executor = kyselyExecutor(db);
    for (const statement of this.#begin) await executor.run(statement, []);
    try {
      const result = await work(executor);
      await executor.run("commit", []);
      return result;
    } catch (error) {
      // The error that led here says more than one of the rollback.
      await executor.run("rollback", []).catch(() => undefined);
      throw error;
    }
  }

  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    try {
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
