import { TasksError } from "@tasks/core";
import { isError } from "@tasks/core/worker";

/** Numbers by which the servers name errors: a deadlock, a lock waited for too long, a row that changed since it was read. */
const CONFLICTS: readonly unknown[] = [1213, 1205, 1020];
/** A packet larger than the server takes; its SQLSTATE speaks of the connection, which the server closes as well. */
const PACKET_TOO_LARGE = 1153;
const NO_SUCH_TABLE = 1146;
const NO_SUCH_COLUMN = 1054;
const DUPLICATE_ENTRY = 1062;
/** The server shuts down, has closed or killed the connection, or takes no writes. */
const ENDINGS: readonly unknown[] = [1053, PACKET_TOO_LARGE, 1927, 3169, 4031, 1290, 1792, 1836];
/** A statement that cannot be parsed, prepared, or run where it is. */
const REFUSED_STATEMENTS: readonly unknown[] = [1064, 1295, 1314, 1336];
/** The server, or the transaction, only reads. */
const READ_ONLY: readonly unknown[] = [1290, 1792, 1836];
/** No such database, table or column, no right to it, or no way in. */
const PERMANENT: readonly unknown[] = [
  1044,
  1045,
  1049,
  NO_SUCH_COLUMN,
  1142,
  1143,
  NO_SUCH_TABLE,
  1370,
  1698,
];
/**
 * Classes of SQLSTATEs that tell about the data: a value that does not fit, a constraint, a trigger
 * of the user's.
 */
const DATA_STATES = ["22", "23", "45"];
/** MySQL's and MariaDB's numbers of the same that come without such a state: incorrect text, a check that failed, invalid JSON. */
const DATA_ERRORS: readonly unknown[] = [PACKET_TOO_LARGE, 1366, 3819, 4025, 3140, 3141];

/** Others stood in the way of a statement or transaction; it may be tried again. */
export function isMysqlConflict(error: unknown): boolean {
  return CONFLICTS.includes(mysqlNumber(error));
}

/** The server refuses the values, and will refuse them again. */
export function isMysqlDataError(error: unknown): boolean {
  const number = mysqlNumber(error);
  if (number === undefined) return false;
  return (
    DATA_ERRORS.includes(number) || DATA_STATES.some((state) => stateOf(error).startsWith(state))
  );
}

/** The server, or a proxy before it, does not take a statement of this kind. */
export function isMysqlRefusedStatement(error: unknown): boolean {
  const cause = isError(error) ? (error.cause ?? error) : error;
  return REFUSED_STATEMENTS.includes(mysqlNumber(cause));
}

/** Nothing but a change of the database, its rights or the configuration helps. */
export function isMysqlPermanent(error: unknown): boolean {
  return PERMANENT.includes(mysqlNumber(error));
}

/** The server, or this connection to it, takes no writes. */
export function isMysqlReadOnly(error: unknown): boolean {
  return READ_ONLY.includes(mysqlNumber(error));
}

/** The advice for an error about a missing column. */
export const OTHER_TABLES =
  ". The table belongs to another application or another version of Tasks. Run `tasks check`.";

/** What to do about an error; empty when it speaks for itself. */
export function mysqlAdvice(error: unknown): string {
  switch (mysqlNumber(error)) {
    case NO_SUCH_TABLE:
      return ". Create the tables with `tasks migrate`, or `await backend.migrate()`.";
    case NO_SUCH_COLUMN:
      return OTHER_TABLES;
    case PACKET_TOO_LARGE:
      return ". Raise max_allowed_packet of the server, or lower maxPayloadBytes.";
    default:
      return "";
  }
}

/** A row with this id, or whatever the index is of, is there already. Libraries on top of the driver wrap its error, or only quote it. */
export function isDuplicateEntry(error: unknown): boolean {
  if (!isError(error)) return false;
  if (mysqlNumber(error) === DUPLICATE_ENTRY || /\bDuplicate entry\b/.test(error.message))
    return true;
  return error.cause !== undefined && error.cause !== error && isDuplicateEntry(error.cause);
}

/** The connection is of no use any more: the network failed, nobody answered, the server ends it, or it has become one that only reads. */
export function isBroken(error: unknown): boolean {
  return isNetworkError(error) || ENDINGS.includes(mysqlNumber(error));
}

/** Something of the network or of time: an error that the server did not send. */
export function isNetworkError(error: unknown): boolean {
  return isError(error) && !TasksError.is(error) && stateOf(error) === "";
}

/** Errors of the network have numbers of the operating system, which are negative, and no SQLSTATE. */
function mysqlNumber(error: unknown): number | undefined {
  if (stateOf(error) === "" || typeof error !== "object" || error === null) return undefined;
  return "errno" in error && typeof error.errno === "number" ? error.errno : undefined;
}

function stateOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("sqlState" in error)) return "";
  return typeof error.sqlState === "string" ? error.sqlState : "";
}
