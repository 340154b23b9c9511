import { BackendUnavailable, InvalidTask, TasksError, redact } from "@tasks/core";

/** What Redis calls errors that tell about the server rather than about the data. */
const SERVER_ERRORS: readonly string[] = [
  "ASK",
  "BUSY",
  "CLUSTERDOWN",
  "CROSSSLOT",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "MOVED",
  "NOAUTH",
  "NOPERM",
  "NOREPLICAS",
  "NOSCRIPT",
  "OOM",
  "READONLY",
  "TRYAGAIN",
  "UNBLOCKED",
  "UNKILLABLE",
  "WRONGPASS",
];

/**
 * Wraps what the client threw: `InvalidTask` when the server refuses the values, so that the same will not work later either; `BackendUnavailable`
 * otherwise. Errors of the framework stay as they are.
 */
export function toTasksError(error: unknown): TasksError {
  if (TasksError.is(error)) return error;
  const message = redact(error instanceof Error ? error.message : String(error));
  const options = { cause: withoutCommand(error) };
  if (isAboutData(error)) return new InvalidTask(`Redis refused a command: ${message}`, options);
  return new BackendUnavailable(`Redis: ${message}${advice(message)}`, options);
}

/** What the client threw, without the command that it was about: its arguments are a password, or those of tasks. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack = "", code } = error as NodeJS.ErrnoException;
  const copy = new Error(redact(message));
  copy.stack = redact(stack);
  return Object.assign(copy, { name }, code === undefined ? {} : { code });
}

/** The server does not know a script by its digest. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

function isAboutData(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== "ReplyError") return false;
  return !SERVER_ERRORS.some((name) => error.message.includes(`${name} `));
}

function advice(message: string): string {
  if (message.startsWith("OOM")) {
    return " Give the server more memory, or delete old results with `tasks prune`.";
  }
  return "";
}
