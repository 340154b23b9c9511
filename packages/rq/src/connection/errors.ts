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
  const options = { cause: error };
  if (isAboutData(error)) return new InvalidTask(`Redis refused a command: ${message}`, options);
  return new BackendUnavailable(`Redis: ${message}${advice(message)}`, options);
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
