import { isError } from "@tasks/core/worker";

import type { Row, SqlValue } from "../connection.ts";

/** A prepared statement, whichever library made it. */
export interface SqliteStatement {
  all(params: readonly SqlValue[]): readonly Row[];
  /** Number of rows changed. */
  run(params: readonly SqlValue[]): number;
}

/** A connection of one of the three libraries, seen the same way. They are all synchronous. */
export interface SqliteHandle {
  readonly library: "node:sqlite" | "better-sqlite3" | "libsql";
  prepare(sql: string): SqliteStatement;
  /** Someone has a transaction open. */
  inTransaction(): boolean;
  isOpen(): boolean;
  /** Absolute path of the database's file; `null` when it is in memory. */
  file(): string | null;
  close(): void;
}

/** A `DatabaseSync` of `node:sqlite`, as far as it is used. */
export interface NodeSqliteDatabase {
  prepare(sql: string): {
    all(...params: SqlValue[]): unknown[];
    run(...params: SqlValue[]): { changes: number | bigint };
    setReadBigInts(enabled: boolean): void;
    setReturnArrays?(enabled: boolean): void;
  };
  readonly isTransaction?: boolean;
  readonly isOpen?: boolean;
  exec(sql: string): void;
  close(): void;
}

/** A `Database` of better-sqlite3 or libsql, as far as it is used. */
export interface BetterSqliteDatabase {
  prepare(sql: string): {
    readonly reader: boolean;
    all(params: unknown): unknown[];
    run(params: unknown): { changes: number | bigint };
    safeIntegers?(enabled: boolean): unknown;
  };
  readonly inTransaction: boolean;
  readonly open?: boolean;
  close(): unknown;
}

/** What `database` accepts. */
export type SqliteDatabase = NodeSqliteDatabase | BetterSqliteDatabase;

/** Sees what it is given as a handle; `undefined` when it is no connection of a known library. Statements are prepared once per handle. */
export function toSqliteHandle(database: unknown): SqliteHandle | undefined {
  if (typeof database !== "object" || database === null) return undefined;
  const known = handles.get(database);
  if (known !== undefined) return known;
  const handle = isNodeSqlite(database)
    ? fromNodeSqlite(database)
    : isBetterSqlite(database)
      ? fromBetterSqlite(database)
      : undefined;
  if (handle !== undefined) handles.set(database, handle);
  return handle;
}

const handles = new WeakMap<object, SqliteHandle>();

/** Statements kept prepared for each handle; the least recently used goes first. */
const MOST_STATEMENTS = 128;

function fromNodeSqlite(database: NodeSqliteDatabase): SqliteHandle {
  return {
    library: "node:sqlite",
    prepare: cached((sql) => {
      const statement = prepareNode(database, sql);
      return {
        all: (params) => readAll(database, statement, sql, params),
        run: (params) => Number(statement.run(...params).changes),
      };
    }),
    inTransaction: () => database.isTransaction === true,
    isOpen: () => database.isOpen !== false,
    file: () => fileOf(prepareNode(database, MAIN_FILE).all() as { file?: unknown }[]),
    close: () => database.close(),
  };
}

/** Options of the user's connection change what rows look like; statements may say otherwise. */
function prepareNode(
  database: NodeSqliteDatabase,
  sql: string,
): ReturnType<NodeSqliteDatabase["prepare"]> {
  const statement = database.prepare(sql);
  statement.setReadBigInts(false);
  statement.setReturnArrays?.(false);
  return statement;
}

/** One integer that JavaScript cannot hold makes `node:sqlite` fail the whole statement. Reading must go on around it. */
function readAll(
  database: NodeSqliteDatabase,
  statement: ReturnType<NodeSqliteDatabase["prepare"]>,
  sql: string,
  params: readonly SqlValue[],
): Row[] {
  try {
    return statement.all(...params) as Row[];
  } catch (error) {
    const isRange = isError(error) && "code" in error && error.code === "ERR_OUT_OF_RANGE";
    // Only what changes nothing may run twice.
    if (!isRange || !/^\s*select/i.test(sql)) throw error;
  }
  const careful = prepareNode(database, sql);
  careful.setReadBigInts(true);
  return (careful.all(...params) as Row[]).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === "bigint" ? Number(value) : value,
      ]),
    ),
  );
}

function fromBetterSqlite(database: BetterSqliteDatabase): SqliteHandle {
  // Only libsql's statements and connections can be put on a remote copy; better-sqlite3 has no `sync`.
  const library = "sync" in database ? "libsql" : "better-sqlite3";
  return {
    library,
    prepare: cached((sql) => {
      const statement = database.prepare(sql);
      statement.safeIntegers?.(false);
      return {
        all: (params) => statement.all(params) as Row[],
        run: (params) => Number(statement.run(params).changes),
      };
    }),
    inTransaction: () => database.inTransaction,
    isOpen: () => database.open !== false,
    file: () => fileOf(database.prepare(MAIN_FILE).all([]) as { file?: unknown }[]),
    close: () => void database.close(),
  };
}

const MAIN_FILE = "select file from pragma_database_list where name = 'main'";

function fileOf([row]: readonly { readonly file?: unknown }[]): string | null {
  return typeof row?.file === "string" && row.file !== "" ? row.file : null;
}

function cached(prepare: (sql: string) => SqliteStatement): (sql: string) => SqliteStatement {
  const statements = new Map<string, SqliteStatement>();
  return (sql) => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = prepare(sql);
    statements.set(sql, statement);
    if (statements.size > MOST_STATEMENTS) {
      const [oldest] = statements.keys();
      statements.delete(oldest!);
    }
    return statement;
  };
}

function isNodeSqlite(database: object): database is NodeSqliteDatabase {
  return database.constructor?.name === "DatabaseSync";
}

function isBetterSqlite(database: object): database is BetterSqliteDatabase {
  return (
    "prepare" in database &&
    typeof database.prepare === "function" &&
    "inTransaction" in database &&
    typeof database.inTransaction === "boolean"
  );
}
