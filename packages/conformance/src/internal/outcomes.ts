import type { JsonValue, TaskError } from "@tasks/core";
import type { AttemptOutcome } from "@tasks/core/worker";

/** The outcome of a task that returned. */
export function successful(returnValue: JsonValue): AttemptOutcome {
  return { type: "successful", returnValue, returnValueJson: JSON.stringify(returnValue) };
}

/** A final failure. */
export function failed(message: string, attempt = 1): AttemptOutcome {
  return { type: "failed", error: errorOf(message, attempt) };
}

/** A failure that is tried again, after a minute unless told otherwise. */
export function retried(message: string, delayMs = 60_000, attempt = 1): AttemptOutcome {
  return { type: "retry", error: errorOf(message, attempt), delayMs };
}

/** One outcome of each type. What is to run again does so in an hour. */
export function everyOutcome(): readonly AttemptOutcome[] {
  return [
    successful("zombie"),
    failed("zombie"),
    retried("zombie", 3_600_000),
    { type: "snooze", delayMs: 3_600_000 },
    { type: "release" },
  ];
}

let errors = 0;

/** Errors of one attempt are told apart by their moments. */
function errorOf(message: string, attempt: number): TaskError {
  return {
    exceptionClass: `${message}Error`,
    message,
    traceback: "",
    attempt,
    workerId: "by-hand",
    occurredAt: new Date(Date.now() + errors++),
  };
}
