import { BackendUnavailable, InvalidTask, TasksError, redact } from "@tasks/core";
import { isError } from "@tasks/core/worker";

import {
  isMysqlConflict,
  isMysqlDataError,
  isMysqlPermanent,
  isMysqlReadOnly,
  mysqlAdvice,
  OTHER_TABLES,
} from "./mysql-errors.ts";

/** SQLite's primary result codes. */
const BUSY = 5;
const LOCKED = 6;
const TOOBIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
const READONLY = 8;
const CANTOPEN = 14;
const NOTADB = 26;
/** A transaction that began reading before someone else's commit cannot start to write. Waiting does not help. */
const BUSY_SNAPSHOT = 517;

const CODE_NAMES: readonly (readonly [string, number])[] = [
  ["SQLITE_BUSY_SNAPSHOT", BUSY_SNAPSHOT],
  ["SQLITE_BUSY", BUSY],
  ["SQLITE_LOCKED", LOCKED],
  ["SQLITE_TOOBIG", TOOBIG],
  ["SQLITE_CONSTRAINT", CONSTRAINT],
  ["SQLITE_MISMATCH", MISMATCH],
  ["SQLITE_READONLY", READONLY],
  ["SQLITE_CANTOPEN", CANTOPEN],
  ["SQLITE_NOTADB", NOTADB],
];

/** SQLSTATEs of a statement or transaction that others stood in the way of: serialization failure, deadlock, lock not available. */
const CONFLICTS: readonly string[] = ["40001", "40P01", "55P03"];
/** Classes of SQLSTATEs, or whole ones, that tell about the server and the schema rather than about the data. */
const SERVER_STATES: readonly string[] = [
  "08", // connection
  "0A", // a plan that a migration has made useless
  "25", // not in the transaction's state for it; read-only, as after a failover
  "26", // no such prepared statement
  "28", // authorization
  "3D", // no such database
  "3F", // no such schema
  "40", // rolled back for others
  "42", // no such table or column, or no right to it
  "53", // out of memory, disk or connections
  "55", // not in the state for it
  "57", // shut down, or cancelled
  "58", // the server's own system
  "XX", // the server's own mistakes
];

/** Those of them that stay until someone changes the database: no such database, schema or table, or no right to it. */
const PERMANENT_STATES: readonly string[] = ["28", "3D", "3F", "42"];
/** A value that has to be unique is there already. */
const UNIQUE_VIOLATION = "23505";

/** The store is busy for the moment; the same statement may be tried again. */
export function isBusy(error: unknown): boolean {
  if (CONFLICTS.includes(sqlState(error)) || isMysqlConflict(error)) return true;
  const code = sqliteCode(error);
  return code !== BUSY_SNAPSHOT && [BUSY, LOCKED].includes(code & 0xff);
}

/** The server, or this connection to it, takes no writes. */
export function isReadOnly(error: unknown): boolean {
  return (
    sqlState(error) === "25006" || isMysqlReadOnly(error) || (sqliteCode(error) & 0xff) === READONLY
  );
}

/** The server did not answer within the time it had; what became of the statement is not known. */
export function isUnanswered(error: unknown): boolean {
  return isError(error) && error.message === "Query read timeout";
}

/**
 * Wraps what a driver threw: `InvalidTask` when the store refuses the values, so that the same will not work later either; `BackendUnavailable`
 * otherwise. Errors of the framework stay as they are.
 *
 * @param where how messages call the database.
 */
export function toTasksError(error: unknown, where: string): TasksError {
  if (TasksError.is(error)) return error;
  const message = redact(driverMessage(error));
  const options = { cause: error };
  if ([TOOBIG, CONSTRAINT, MISMATCH].includes(sqliteCode(error) & 0xff)) {
    return new InvalidTask(`${where} refused a row: ${message}`, options);
  }
  const state = sqlState(error);
  const sequence = lateSequence(error);
  if (sequence !== undefined) {
    return new BackendUnavailable(`${where}: ${message}. ${sequence}`, {
      ...options,
      isPermanent: true,
    });
  }
  if (state !== "" && !SERVER_STATES.some((prefix) => state.startsWith(prefix))) {
    return new InvalidTask(`${where} refused a row: ${message}`, options);
  }
  if (isMysqlDataError(error)) {
    return new InvalidTask(`${where} refused a row: ${message}${mysqlAdvice(error)}`, options);
  }
  const isPermanent = staysUntilChanged(error, message);
  return new BackendUnavailable(`${where}: ${message}${advice(error, message)}`, {
    ...options,
    isPermanent,
  });
}

/** Nothing but a change of the database or its configuration helps. */
function staysUntilChanged(error: unknown, message: string): boolean {
  const state = sqlState(error);
  return (
    PERMANENT_STATES.some((prefix) => state.startsWith(prefix)) ||
    isMysqlPermanent(error) ||
    [READONLY, CANTOPEN, NOTADB].includes(sqliteCode(error) & 0xff) ||
    /no such (?:table|column)/i.test(message)
  );
}

/** What to do about a row number that was given out twice; `undefined` for every other error. */
function lateSequence(error: unknown): string | undefined {
  if (sqlState(error) !== UNIQUE_VIOLATION) return undefined;
  const { constraint, table, schema } = error as Readonly<Record<string, unknown>>;
  if (typeof constraint !== "string" || !constraint.endsWith("results_pkey")) return undefined;
  return behindRows(String(schema), String(table));
}

/** What is wrong with a sequence that gives out numbers of rows that exist, and how it is mended. */
export function behindRows(schema: string, table: string): string {
  const [results, sequence] = [table, `${table}_seq`].map((name) => `"${schema}"."${name}"`);
  return (
    `The sequence ${sequence} is behind the rows of its table, as after a restore of one without the other. ` +
    `Run: select setval('${sequence}', (select max(seq) from ${results}))`
  );
}

function advice(error: unknown, message: string): string {
  if (isUnanswered(error)) return ". The server did not answer within answerLimitMs.";
  if (/no such table/i.test(message) || ["42P01", "3F000"].includes(sqlState(error))) {
    return ". Create the tables with `tasks migrate`, or `await backend.migrate()`.";
  }
  if (/no such column|has no column/i.test(message) || sqlState(error) === "42703") {
    return OTHER_TABLES;
  }
  if (isReadOnly(error)) {
    return ". This connection only reads: the server is a standby, or the session's transactions are read-only by default.";
  }
  const [, sequence] = /permission denied for sequence (\S+)/.exec(message) ?? [];
  if (sequence !== undefined)
    return `. Whoever enqueues needs: grant usage on sequence ${sequence}.`;
  if (/prepared statement .* (?:already exists|does not exist)/.test(message)) {
    return ". Behind a pooler that hands out another connection for each transaction, say pooler: true.";
  }
  if (sqliteCode(error) === BUSY_SNAPSHOT) {
    return ". The transaction read before someone else wrote: start it with `begin immediate`.";
  }
  return mysqlAdvice(error);
}

/** The extended result code: a number with `node:sqlite`, a name with the others; 0 when it is not SQLite's error. */
function sqliteCode(error: unknown): number {
  if (typeof error !== "object" || error === null) return 0;
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode;
  const name = "code" in error && typeof error.code === "string" ? error.code : "";
  return CODE_NAMES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 0;
}

/** The five characters with which servers of the SQL standard name an error; empty when it is not theirs. */
export function sqlState(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  const { code } = error;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)
    ? code
    : "";
}

/** What the driver said. */
export function driverMessage(error: unknown): string {
  if (!isError(error)) return String(error);
  // A host with several addresses fails with one error for each, and no message of its own.
  const [first] =
    "errors" in error && Array.isArray(error.errors) ? (error.errors as unknown[]) : [];
  return error.message !== "" || first === undefined ? error.message : driverMessage(first);
}
