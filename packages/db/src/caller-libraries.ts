import { InvalidTask } from "@tasks/core";

import type { RawTransaction } from "./caller-transaction.ts";
import type { SqlValue } from "./connection.ts";

/** A transaction of a library that keeps its connection to itself, seen as something that runs statements. */
export interface LibraryTransaction extends RawTransaction {
  /** The same object for every transaction of one database, where the library has such a one. */
  readonly key: object;
}

/**
 * Recognises transactions of Knex, Drizzle and Prisma by their shape, of whichever copy of the library; `undefined` for everything else.
 *
 * @throws InvalidTask when it is the database itself, whose statements stand outside of every transaction.
 */
export function toLibraryTransaction(value: unknown): LibraryTransaction | undefined {
  if (isKnex(value)) {
    if (value.isTransaction !== true) throw noTransaction("Knex", "knex.transaction");
    return {
      key: value.client.config,
      execute: (sql, params) => value.raw(...withQuestionMarks(sql, params)),
    };
  }
  if (isPrisma(value)) {
    if (typeof value.$connect === "function") {
      throw noTransaction("Prisma", "prisma.$transaction");
    }
    const key = value._originalClient ?? value;
    return { key, execute: (sql, params) => value.$queryRawUnsafe(sql, ...params) };
  }
  const kind = drizzleKind(value);
  if (kind === undefined) return undefined;
  if (isDrizzleServer(value)) {
    if (!kind.endsWith("Transaction")) throw noTransaction("Drizzle", "db.transaction");
    return { key: value.dialect, execute: (sql, params) => value.execute(drizzleSql(sql, params)) };
  }
  throw new InvalidTask(
    `The transaction given is Drizzle's ${kind}, which does not let others run statements and wait for them. ` +
      "Begin one on the connection and pass that: db.run(sql`begin immediate`), then { transaction: db.$client }.",
  );
}

function noTransaction(library: string, method: string): InvalidTask {
  return new InvalidTask(
    `The transaction given is ${library}'s database without a transaction. ` +
      `Pass the one it gave you: ${method}((transaction) => task.using({ transaction }).enqueue(…)).`,
  );
}

interface Knex {
  raw(sql: string, params: readonly SqlValue[]): ReturnType<RawTransaction["execute"]>;
  readonly isTransaction?: boolean;
  readonly client: { readonly config: object };
}

function isKnex(value: unknown): value is Knex {
  return typeof value === "function" && "raw" in value && "schema" in value && "client" in value;
}

/** Knex numbers the parameters itself, in the order of question marks. */
function withQuestionMarks(sql: string, params: readonly SqlValue[]): [string, SqlValue[]] {
  if (!/\$\d/.test(sql)) return [sql, [...params]];
  const values: SqlValue[] = [];
  const text = sql.replaceAll(/\$(\d+)/g, (_numbered, position: string) => {
    values.push(params[Number(position) - 1] ?? null);
    return "?";
  });
  return [text, values];
}

interface Prisma {
  $queryRawUnsafe(sql: string, ...params: readonly SqlValue[]): Promise<readonly unknown[]>;
  /** Only the client itself connects. */
  readonly $connect?: unknown;
  readonly _originalClient?: object;
}

function isPrisma(value: unknown): value is Prisma {
  return (
    typeof value === "object" &&
    value !== null &&
    "$queryRawUnsafe" in value &&
    typeof value.$queryRawUnsafe === "function"
  );
}

/** Its transactions on PostgreSQL and MySQL; those on SQLite have no `execute`. */
interface DrizzleServer {
  execute(query: object): ReturnType<RawTransaction["execute"]>;
  readonly dialect: object;
}

/** How Drizzle's own copies recognise each other's objects. */
const ENTITY_KIND = Symbol.for("drizzle:entityKind");

function drizzleKind(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("dialect" in value)) return undefined;
  const kind = (value.constructor as { [ENTITY_KIND]?: unknown } | undefined)?.[ENTITY_KIND];
  return typeof kind === "string" ? kind : undefined;
}

function isDrizzleServer(value: unknown): value is DrizzleServer {
  return (
    typeof value === "object" &&
    value !== null &&
    "execute" in value &&
    typeof value.execute === "function"
  );
}

/** Drizzle asks whatever it is to run for `getSQL()`, and that for the query. */
function drizzleSql(sql: string, params: readonly SqlValue[]): object {
  return { getSQL: () => ({ toQuery: () => ({ sql, params: [...params] }) }) };
}
