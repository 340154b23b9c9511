import { InvalidTask } from "@tasks/core";

import type { Executor, Row, SqlValue } from "../connection.ts";
import {
  answerOf,
  type Discardable,
  type MysqlQueryable,
  type MysqlStatement,
} from "./mysql-answer.ts";

/** A connection of a pool. */
export interface MysqlClient extends MysqlQueryable, Discardable {
  release(): void;
  /** What the server calls it. */
  readonly threadId: number;
}

/** A pool with callbacks, as far as it is used: the ones with promises are made of it, and cost more. */
export interface MysqlCorePool {
  getConnection(callback: (error: unknown, client: MysqlClient) => void): unknown;
  end(callback: (error?: unknown) => void): unknown;
}

/** A pool of `mysql2/promise`, as far as it is used. */
export interface MysqlPromisePool {
  getConnection(): Promise<object>;
  readonly pool: object;
}

/** A pool of `mysql2`, as far as it is used. */
export interface MysqlCallbackPool {
  // oxlint-disable-next-line typescript/no-explicit-any -- the library's own has overloads
  getConnection(callback: any): any;
  promise(): MysqlPromisePool;
}

/** What `database` accepts. */
export type MysqlPool = MysqlPromisePool | MysqlCallbackPool;

/** Tells whether a value is a pool of `mysql2`, with promises or callbacks, of whichever copy of the library. */
export function isMysqlPool(value: unknown): value is MysqlPool {
  return isObject(value) && hasMethods(value, "getConnection", "execute", "query");
}

/** Tells whether a value is a connection of `mysql2`, with promises or callbacks. */
export function isMysqlConnection(value: unknown): value is object {
  return isObject(value) && hasMethods(value, "execute", "query", "beginTransaction", "changeUser");
}

/** The pool that calls back. */
export function toCorePool(pool: MysqlPool): MysqlCorePool {
  return ("pool" in pool ? pool.pool : pool) as MysqlCorePool;
}

/** The connection that calls back, which stands for both. */
export function toCore(connection: object): MysqlQueryable {
  const core =
    "connection" in connection && isMysqlConnection(connection.connection)
      ? connection.connection
      : connection;
  return core as MysqlQueryable;
}

/** How statements run. */
export interface MysqlExecutorOptions {
  /** After how long a statement without an answer fails, in milliseconds; 0, the default, for never. */
  readonly answerLimitMs?: number;
  /** The largest packet the server takes, if it is known already. */
  readonly maxPacket?: { bytes: number | undefined };
  /** The client may have a `typeCast` of the user's, which changes values. */
  readonly isForeign?: boolean;
  /** Called with what the server says about the session after a statement that gave no rows. */
  readonly onStatus?: (isInTransaction: boolean) => void;
  /** What each statement is run by. @default just that */
  readonly around?: <T>(statement: () => Promise<T>) => Promise<T>;
}

/** Texts up to this length in one statement, in characters, are not measured: every server takes them. */
const UNMEASURED = 250_000;

/**
 * Runs statements on a connection. Values always travel apart from the statement: what the driver would write into it itself could be read
 * differently by a server with other settings.
 */
export function mysqlExecutor(
  queryable: MysqlQueryable,
  {
    answerLimitMs = 0,
    maxPacket = { bytes: undefined },
    isForeign = false,
    onStatus = () => undefined,
    around = (statement) => statement(),
  }: MysqlExecutorOptions = {},
): Executor {
  const send = (sql: string, params: readonly SqlValue[]): Promise<unknown> =>
    around(() => sendOnly(sql, params));
  const sendOnly = async (sql: string, params: readonly SqlValue[]): Promise<unknown> => {
    const statement: MysqlStatement = { sql, rowsAsArray: false, nestTables: false };
    if (isForeign) statement.typeCast = (_field, next) => next();
    // Not every statement can be prepared; those without parameters need not be.
    if (params.length === 0) return answerOf("query", queryable, statement, answerLimitMs);
    if (isLarge(params)) await assertSize(params);
    statement.values = [...params];
    return answerOf("execute", queryable, statement, answerLimitMs);
  };
  const assertSize = async (params: readonly SqlValue[]): Promise<void> => {
    maxPacket.bytes ??= await readMaxPacket();
    let bytes = 0;
    for (const value of params) if (typeof value === "string") bytes += Buffer.byteLength(value);
    // Whoever sends more finds the connection closed, and would take it for an outage.
    if (bytes + 10_000 <= maxPacket.bytes) return;
    throw new InvalidTask(
      `A statement of ${bytes} bytes is more than the server takes: ${maxPacket.bytes} bytes, its max_allowed_packet. ` +
        "Raise that, or lower maxPayloadBytes.",
    );
  };
  const readMaxPacket = async (): Promise<number> => {
    const statement: MysqlStatement = { sql: "select @@max_allowed_packet as bytes" };
    const rows = await answerOf("query", queryable, statement, answerLimitMs);
    return Number((rows as readonly Row[])[0]?.["bytes"]);
  };
  const run: Executor["run"] = async (sql, params) => {
    const answer = await send(sql, params);
    onStatus((statusOf(answer) & IN_TRANSACTION) !== 0);
    return affectedRows(answer);
  };
  return {
    query: async (sql, params) => {
      const answer = await send(sql, params);
      const answers: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
      const last = answers.at(-1);
      // Of a block of statements.
      if (isHeader(last)) onStatus((statusOf(last) & IN_TRANSACTION) !== 0);
      return (isHeader(answer) ? [] : answers) as readonly Row[];
    },
    run,
    runMany: async (sql, paramLists) => {
      const changes: number[] = [];
      for (const params of paramLists) changes.push(await run(sql, params));
      return changes;
    },
  };
}

/** Bits of what the server says about a session with every answer. */
const IN_TRANSACTION = 1;
const AUTOCOMMIT = 2;

/**
 * Runs statements on a connection of the caller's, once it is known to be in a transaction.
 *
 * @throws InvalidTask by the first statement when it is in none.
 */
export function rawMysqlExecutor(connection: object): Executor {
  const queryable = toCore(connection);
  const plain = mysqlExecutor(queryable, { isForeign: true });
  let checked: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    const header = await answerOf("query", queryable, { sql: "do 0" }, 0);
    const status = statusOf(header);
    if ((status & IN_TRANSACTION) !== 0 || (status & AUTOCOMMIT) === 0) return;
    throw new InvalidTask(
      "The transaction given is a connection of mysql2 without an open transaction. Call connection.beginTransaction() first.",
    );
  };
  const first = async (): Promise<Executor> => {
    await (checked ??= check());
    return plain;
  };
  return {
    query: async (sql, params) => (await first()).query(sql, params),
    run: async (sql, params) => (await first()).run(sql, params),
    runMany: async (sql, paramLists) => (await first()).runMany(sql, paramLists),
  };
}

function isLarge(params: readonly SqlValue[]): boolean {
  let length = 0;
  for (const value of params) if (typeof value === "string") length += value.length;
  return length > UNMEASURED;
}

/** What a statement without rows answers with. */
function isHeader(answer: unknown): boolean {
  return isObject(answer) && "affectedRows" in answer && "serverStatus" in answer;
}

function statusOf(answer: unknown): number {
  return isObject(answer) && "serverStatus" in answer ? Number(answer.serverStatus) : 0;
}

function affectedRows(answer: unknown): number {
  return isObject(answer) && "affectedRows" in answer ? Number(answer.affectedRows) : 0;
}

function hasMethods(value: object, ...names: readonly string[]): boolean {
  return names.every(
    (name) => name in value && typeof (value as Record<string, unknown>)[name] === "function",
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
