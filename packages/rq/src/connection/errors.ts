import { BackendUnavailable, InvalidTask, TasksError, redact } from "@tasks/core";
import { isError } from "@tasks/core/worker";

/** Words by which Redis says that the server refuses for reasons of its own, and not because of the values it was given. */
const SERVER_WORDS =
  /(?:^|[\s-])(?:ASK|BUSY|CLUSTERDOWN|CROSSSLOT|LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH|NOPERM|NOPROTO|NOREPLICAS|NOSCRIPT|NOTBUSY|OOM|READONLY|TRYAGAIN|UNBLOCKED|UNKILLABLE|WRONGPASS)\s/;
const SERVER_TEXTS =
  /max number of clients|script killed by user|unknown (?:redis )?command|invalid password|cluster support disabled/i;
/** The user of the connection lacks a right; Redis words it in three ways, depending on its version and on where it finds out. */
const DENIED = /(?:^|[\s-])NOPERM\s|user executing the script can't|ACL failure in script/;
/** Errors that mean that the server refuses every command of this address. */
const PERMANENT =
  /(?:^|[\s-])(?:NOAUTH|WRONGPASS)\s|invalid password|DB index is out of range|unknown (?:redis )?command/i;

/**
 * Wraps what the client threw: `InvalidTask` when the server refuses the values, so that the same will not work later either; `BackendUnavailable`
 * otherwise. Errors of the framework stay as they are.
 */
export function toTasksError(error: unknown): TasksError {
  if (TasksError.is(error)) return error;
  if (!isAboutData(error)) return toUnavailable(error);
  const options = { cause: withoutCommand(error) };
  return new InvalidTask(`Redis refused a command: ${messageOf(error)}`, options);
}

/** Wraps an error of which it is known that no value is to blame, such as one from connecting. */
export function toUnavailable(error: unknown): TasksError {
  if (TasksError.is(error)) return error;
  const message = messageOf(error);
  return new BackendUnavailable(`Redis: ${message}${advice(message)}`, {
    cause: withoutCommand(error),
    isPermanent: isPermanent(error),
  });
}

/** The server does not know a script by its digest. */
export function isUnknownScript(error: unknown): boolean {
  return isError(error) && error.message.startsWith("NOSCRIPT");
}

/** The user of the connection lacks a right. Also tells it from the error of the framework that it was wrapped in. */
export function isDenied(error: unknown): boolean {
  return isError(error) && DENIED.test(error.message);
}

/** Retrying does not help before the server or the address is changed. */
export function isPermanent(error: unknown): boolean {
  return isError(error) && (PERMANENT.test(error.message) || DENIED.test(error.message));
}

/** What the client threw, without the command that it was about: its arguments are a password, or those of tasks. */
function withoutCommand(error: unknown): unknown {
  if (!isError(error)) return error;
  const { name, message, stack = "", code } = error as NodeJS.ErrnoException;
  const copy = new Error(redact(message));
  copy.stack = redact(stack);
  return Object.assign(copy, { name }, code === undefined ? {} : { code });
}

/** Without the digest of the script and its line, which tell a user nothing. */
function messageOf(error: unknown): string {
  const message = redact(isError(error) ? error.message : String(error));
  return message.replace(/\s*script: [0-9a-f]{40}, on @user_script:\d+\.?$/, "");
}

function isAboutData(error: unknown): boolean {
  if (!isError(error) || error.name !== "ReplyError") return false;
  const { message } = error;
  return !SERVER_WORDS.test(message) && !SERVER_TEXTS.test(message) && !isDenied(error);
}

function advice(message: string): string {
  if (/(?:^|[\s-])OOM\s/.test(message)) {
    return " The server's memory is full. Workers go on; new tasks are refused until there is room: raise maxmemory, or delete old results with `tasks prune`.";
  }
  if (DENIED.test(message)) {
    return " Grant it to the user of the connection with ACL SETUSER; `tasks check` says what is missing.";
  }
  return "";
}
