import { InvalidTask } from "@tasks/core";
import type { Kysely } from "kysely";

import { toLibraryTransaction } from "./caller-libraries.ts";
import type { Executor, Row, SqlValue } from "./connection.ts";
import { kyselyExecutor } from "./connections/kysely-connection.ts";
import { isPgPool, isQueryable, rawPgExecutor } from "./connections/pg-client.ts";
import { sqliteExecutor } from "./connections/sqlite-connection.ts";
import { toSqliteHandle } from "./connections/sqlite-handle.ts";

/**
 * The smallest thing to enqueue through: runs one statement inside your transaction. For libraries whose transactions are not recognised by themselves.
 *
 * @example
 * const transaction: RawTransaction = { execute: (sql, params) => manager.query(sql, [...params]) };
 * await sendWelcome.using({ transaction }).enqueue(user.id);
 */
export interface RawTransaction {
  /**
   * Runs one statement as it stands. Parameters are written `$1`, `$2` on PostgreSQL and `?` on SQLite, and are texts, numbers and `null`.
   *
   * Resolves with the rows that a `returning` clause gave, as an array or as `{ rows }`.
   */
  execute(
    sql: string,
    params: readonly SqlValue[],
  ): Promise<RawRows | undefined | void> | RawRows | undefined | void;
}

type RawRows = readonly unknown[] | { readonly rows: readonly unknown[] };

/**
 * Sees what a caller passed as `using({ transaction })` as an executor.
 *
 * @throws InvalidTask when it is nothing that statements can be run on.
 */
export function toExecutor(transaction: unknown): Executor {
  const known = toLibraryTransaction(transaction);
  if (known !== undefined) return rawExecutor(known);
  const handle = toSqliteHandle(transaction);
  if (handle !== undefined) return sqliteExecutor(handle);
  if (isKysely(transaction)) {
    if (transaction.isTransaction) return kyselyExecutor(transaction);
    throw new InvalidTask(
      "The transaction given is a Kysely instance without a transaction. " +
        "Pass the one Kysely gave you: db.transaction().execute((trx) => task.using({ transaction: trx }).enqueue(…)).",
    );
  }
  if (isRawTransaction(transaction)) return rawExecutor(transaction);
  if (isPgPool(transaction)) {
    throw new InvalidTask(
      "The transaction given is a pool, whose statements may each run on another connection. " +
        "Pass the client: const client = await pool.connect(); await client.query('begin').",
    );
  }
  if (isQueryable(transaction)) {
    if (transaction.getTransactionStatus?.() !== "I") return rawPgExecutor(transaction);
    throw new InvalidTask(
      "The transaction given is a client of pg without an open transaction. Call client.query('begin') first.",
    );
  }
  throw new InvalidTask(
    `The transaction given is ${describe(transaction)}. Pass a transaction of Kysely, Knex, Drizzle or Prisma, ` +
      "a connection of pg, node:sqlite, better-sqlite3 or libsql, or an object with execute(sql, params).",
  );
}

/** What stands for the connection behind a transaction, so that a question about it is asked once; `undefined` when nothing does. */
export function connectionKey(value: unknown): object | undefined {
  if (isKysely(value)) return value.getExecutor().adapter;
  const known = toLibraryTransaction(value);
  if (known !== undefined) return known.key;
  return toSqliteHandle(value) ?? (isQueryable(value) ? value : undefined);
}

/** Tells whether a value is a Kysely instance or transaction, of whichever copy of the library. */
export function isKysely(value: unknown): value is Kysely<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "selectFrom" in value &&
    "executeQuery" in value &&
    "withoutPlugins" in value &&
    typeof value.withoutPlugins === "function"
  );
}

function isRawTransaction(value: unknown): value is RawTransaction {
  return (
    typeof value === "object" &&
    value !== null &&
    "execute" in value &&
    typeof value.execute === "function"
  );
}

function rawExecutor(transaction: RawTransaction): Executor {
  const query: Executor["query"] = async (sql, params) => {
    const answer = (await transaction.execute(sql, params)) ?? [];
    return (Array.isArray(answer) ? answer : "rows" in answer ? answer.rows : []) as readonly Row[];
  };
  // Drivers disagree on how to report changed rows; all of them can return rows.
  const run: Executor["run"] = async (sql, params) =>
    /^(insert|update|delete)/i.test(sql)
      ? (await query(`${sql} returning 1 as changed`, params)).length
      : (await query(sql, params)).length;
  return {
    query,
    run,
    runMany: async (sql, paramLists) => {
      const changes: number[] = [];
      for (const params of paramLists) changes.push(await run(sql, params));
      return changes;
    },
  };
}

function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return `a ${value.constructor?.name ?? "plain object"}`;
}
