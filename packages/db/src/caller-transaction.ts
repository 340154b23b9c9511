import { InvalidTask } from "@tasks/core";
import type { Kysely } from "kysely";

import { toLibraryTransaction } from "./caller-libraries.ts";
import type { Executor, Row, SqlValue } from "./connection.ts";
import { kyselyExecutor } from "./connections/kysely-connection.ts";
import {
  isMysqlConnection,
  isMysqlPool,
  rawMysqlExecutor,
  toCore,
} from "./connections/mysql-client.ts";
import { isPgPool, isQueryable, rawPgExecutor } from "./connections/pg-client.ts";
import { sqliteExecutor } from "./connections/sqlite-connection.ts";
import { toSqliteHandle } from "./connections/sqlite-handle.ts";
import type { DialectName } from "./dialect.ts";

/**
 * The smallest thing to enqueue through: runs one statement inside your transaction. For libraries whose transactions are not recognised by themselves.
 *
 * @example
 * const transaction: RawTransaction = { execute: (sql, params) => manager.query(sql, [...params]) };
 * await sendWelcome.using({ transaction }).enqueue(user.id);
 */
export interface RawTransaction {
  /**
   * Runs one statement as it stands. Parameters are written `$1`, `$2` on PostgreSQL and `?` elsewhere, and are texts, numbers and `null`.
   *
   * Resolves with the rows that a query or a `returning` clause gave: as an array, as `{ rows }`, or as `[rows, fields]`.
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
 * @param dialect of the backend's statements.
 * @throws InvalidTask when it is nothing that statements can be run on.
 */
export function toExecutor(transaction: unknown, dialect: DialectName): Executor {
  const known = toLibraryTransaction(transaction);
  if (known !== undefined) return rawExecutor(known, dialect);
  const handle = toSqliteHandle(transaction);
  if (handle !== undefined) return sqliteExecutor(handle);
  if (isKysely(transaction)) {
    if (transaction.isTransaction) return kyselyExecutor(transaction);
    throw new InvalidTask(
      "The transaction given is a Kysely instance without a transaction. " +
        "Pass the one Kysely gave you: db.transaction().execute((trx) => task.using({ transaction: trx }).enqueue(…)).",
    );
  }
  if (isPgPool(transaction))
    throw poolGiven("const client = await pool.connect(); await client.query('begin')");
  if (isMysqlPool(transaction)) {
    throw poolGiven(
      "const connection = await pool.getConnection(); await connection.beginTransaction()",
    );
  }
  if (isMysqlConnection(transaction)) return rawMysqlExecutor(transaction);
  if (isRawTransaction(transaction)) return rawExecutor(transaction, dialect);
  if (isQueryable(transaction)) {
    if (transaction.getTransactionStatus?.() !== "I") return rawPgExecutor(transaction);
    throw new InvalidTask(
      "The transaction given is a client of pg without an open transaction. Call client.query('begin') first.",
    );
  }
  throw new InvalidTask(
    `The transaction given is ${describe(transaction)}. Pass a transaction of Kysely, Knex, Drizzle or Prisma, ` +
      "a connection of pg, mysql2, node:sqlite, better-sqlite3 or libsql, or an object with execute(sql, params).",
  );
}

/** What stands for the connection behind a transaction, so that a question about it is asked once; `undefined` when nothing does. */
export function connectionKey(value: unknown): object | undefined {
  if (isKysely(value)) return value.getExecutor().adapter;
  const known = toLibraryTransaction(value);
  if (known !== undefined) return known.key;
  const handle = toSqliteHandle(value);
  if (handle !== undefined) return handle;
  if (isMysqlConnection(value)) return toCore(value);
  return isQueryable(value) ? value : undefined;
}

/** The object of a library that stands for one transaction, from its beginning to its end; `undefined` for connections, which have many. */
export function markKey(value: unknown): object | undefined {
  const isOne = isKysely(value) || toLibraryTransaction(value) !== undefined;
  return isOne ? (value as object) : undefined;
}

/** What stands for the one connection of a transaction, whose statements run one after the other. */
export function lockKey(value: unknown): object {
  return markKey(value) ?? connectionKey(value) ?? (value as object);
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

function rawExecutor(transaction: RawTransaction, dialect: DialectName): Executor {
  const query: Executor["query"] = async (sql, params) =>
    rowsOf((await transaction.execute(sql, params)) ?? []);
  // Drivers disagree on how to report changed rows; all of them can return rows, where the database can. Elsewhere no statement for a caller's
  // transaction depends on the number.
  const returning = dialect === "mysql" ? "" : " returning 1 as changed";
  const run: Executor["run"] = async (sql, params) =>
    /^(insert|update|delete)/i.test(sql)
      ? (await query(`${sql}${returning}`, params)).length
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

function rowsOf(answer: RawRows): readonly Row[] {
  if (!Array.isArray(answer)) return ("rows" in answer ? answer.rows : []) as readonly Row[];
  // Libraries on top of mysql2 hand out its pair of rows and fields.
  const [first] = answer as readonly unknown[];
  return (Array.isArray(first) ? first : answer) as readonly Row[];
}

function poolGiven(advice: string): InvalidTask {
  return new InvalidTask(
    `The transaction given is a pool, whose statements may each run on another connection. Pass the client: ${advice}.`,
  );
}

function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return String(value);
  return `a ${value.constructor?.name ?? "plain object"}`;
}
