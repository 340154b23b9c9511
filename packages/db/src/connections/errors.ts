import { BackendUnavailable, InvalidTask, TasksError, redact } from "@tasks/core";

import { isMysqlConflict, isMysqlDataError, mysqlAdvice } from "./mysql-errors.ts";

/** SQLite's primary result codes. */
const BUSY = 5;
const LOCKED = 6;
const TOOBIG = 18;
const CONSTRAINT = 19;
const MISMATCH = 20;
/** A transaction that began reading before someone else's commit cannot start to write. Waiting does not help. */
const BUSY_SNAPSHOT = 517;

const CODE_NAMES: readonly (readonly [string, number])[] = [
  ["SQLITE_BUSY_SNAPSHOT", BUSY_SNAPSHOT],
  ["SQLITE_BUSY", BUSY],
  ["SQLITE_LOCKED", LOCKED],
  ["SQLITE_TOOBIG", TOOBIG],
  ["SQLITE_CONSTRAINT", CONSTRAINT],
  ["SQLITE_MISMATCH", MISMATCH],
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

/** The store is busy for the moment; the same statement may be tried again. */
export function isBusy(error: unknown): boolean {
  if (CONFLICTS.includes(sqlState(error)) || isMysqlConflict(error)) return true;
  const code = sqliteCode(error);
  return code !== BUSY_SNAPSHOT && [BUSY, LOCKED].includes(code & 0xff);
}

/** The server did not answer within the time it had; what became of the statement is not known. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/**
 * Wraps what a driver threw: `InvalidTask` when the store refuses the values, so that the same will not work later either; `BackendUnavailable`
 * otherwise. Errors of the framework stay as they are.
 *
 * @param where how messages call the database.
 */
export function toTasksError(error: unknown, where: string): TasksError {
  if (TasksError.is(error)) return error;
  const message = redact(messageOf(error));
  const options = { cause: error };
  if ([TOOBIG, CONSTRAINT, MISMATCH].includes(sqliteCode(error) & 0xff)) {
    return new InvalidTask(`${where} refused a row: ${message}`, options);
  }
  const state = sqlState(error);
  if (state !== "" && !SERVER_STATES.some((prefix) => state.startsWith(prefix))) {
    return new InvalidTask(`${where} refused a row: ${message}`, options);
  }
  if (isMysqlDataError(error)) {
    return new InvalidTask(`${where} refused a row: ${message}${mysqlAdvice(error)}`, options);
  }
  return new BackendUnavailable(`${where}: ${message}${advice(error, message)}`, options);
}

function advice(error: unknown, message: string): string {
  if (isUnanswered(error)) return ". The server did not answer within answerLimitMs.";
  if (/no such table/i.test(message) || ["42P01", "3F000"].includes(sqlState(error))) {
    return ". Create the tables with `tasks migrate`, or `await backend.migrate()`.";
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
function sqlState(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  const { code } = error;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code)
    ? code
    : "";
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with one error for each, and no message of its own.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return error.message !== "" || first === undefined ? error.message : messageOf(first);
}
