import { BackendUnavailable, InvalidTask, TasksError, redact } from "@tasks/core";

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

/** The store is busy for the moment; the same statement may be tried again. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== BUSY_SNAPSHOT && [BUSY, LOCKED].includes(code & 0xff);
}

/**
 * Wraps what a driver threw: `InvalidTask` when the store refuses the values, so that the same will not work later either; `BackendUnavailable`
 * otherwise. Errors of the framework stay as they are.
 *
 * @param where how messages call the database.
 */
export function toTasksError(error: unknown, where: string): TasksError {
  if (TasksError.is(error)) return error;
  const message = redact(error instanceof Error ? error.message : String(error));
  const options = { cause: error };
  if ([TOOBIG, CONSTRAINT, MISMATCH].includes(sqliteCode(error) & 0xff)) {
    return new InvalidTask(`${where} refused a row: ${message}`, options);
  }
  return new BackendUnavailable(`${where}: ${message}${advice(error, message)}`, options);
}

function advice(error: unknown, message: string): string {
  if (/no such table/i.test(message)) {
    return ". Create the tables with `tasks migrate`, or `await backend.migrate()`.";
  }
  if (sqliteCode(error) === BUSY_SNAPSHOT) {
    return ". The transaction read before someone else wrote: start it with `begin immediate`.";
  }
  return "";
}

/** The extended result code: a number with `node:sqlite`, a name with the others; 0 when it is not SQLite's error. */
function sqliteCode(error: unknown): number {
  if (typeof error !== "object" || error === null) return 0;
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode;
  const name = "code" in error && typeof error.code === "string" ? error.code : "";
  return CODE_NAMES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 0;
}
