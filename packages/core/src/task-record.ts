import type { JsonObject, JsonValue } from "./json.ts";

/** The four statuses a result can have, frozen for good. */
export const TASK_STATUSES = ["READY", "RUNNING", "SUCCESSFUL", "FAILED"] as const;
/** Where a task stands, as programs should read it. */
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Finer states, for people. Programs should prefer the status: states may be added. */
export const TASK_STATES = [
  "scheduled",
  "ready",
  "blocked",
  "running",
  "retrying",
  "successful",
  "failed",
  "cancelled",
  "lost",
] as const;
/** Where a task stands, as people read it. */
export type TaskState = (typeof TASK_STATES)[number];

/** One failed, cancelled or lost attempt, as it was stored. */
export interface TaskError {
  /** Name of the thrown value's class, such as `TypeError`; `TaskTimeout`, `TaskCancelled` and `TaskLost` are the framework's own. */
  readonly exceptionClass: string;
  /** The message, cut to a bounded length, without credentials and control characters that stores cannot keep. */
  readonly message: string;
  /** The stack, causes included, bounded like the message. It ends with the stack of the outermost error. */
  readonly traceback: string;
  /** Number of the attempt from 1; 0 when no attempt had begun. */
  readonly attempt: number;
  /** The worker that ran the attempt; `null` when no attempt had begun. */
  readonly workerId: string | null;
  /** When it happened. */
  readonly occurredAt: Date;
}

/** Levels of `context.log`. */
export type TaskLogLevel = "info" | "warn" | "error";

/** One line written with `context.log`. */
export interface TaskLogEntry {
  readonly level: TaskLogLevel;
  readonly message: string;
  readonly attempt: number;
  readonly loggedAt: Date;
}

/**
 * Everything a backend keeps of one enqueued task, as plain data.
 *
 * Core turns it into a `TaskResult`; backends read and write records only.
 */
export interface TaskRecord {
  /** Opaque, at most 64 characters. */
  readonly id: string;
  readonly taskName: string;
  readonly status: TaskStatus;
  readonly args: readonly JsonValue[];
  readonly queueName: string;
  /** −100…100, larger runs sooner. */
  readonly priority: number;
  /** Not before this moment; `null` when never deferred. A retry or snooze sets it too. */
  readonly runAfter: Date | null;
  readonly metadata: JsonObject;
  readonly enqueuedAt: Date;
  /** Start of the first attempt. */
  readonly startedAt: Date | null;
  /** Start of the latest attempt. */
  readonly lastAttemptedAt: Date | null;
  readonly finishedAt: Date | null;
  /** The first and the latest errors. */
  readonly errors: readonly TaskError[];
  /** How many errors were left out behind the first one. */
  readonly errorsOmitted: number;
  /** Attempts so far, a running one included; released and snoozed attempts do not count. */
  readonly attempts: number;
  /** Workers of the first and the latest attempts, one per attempt. */
  readonly workerIds: readonly string[];
  /** `null` unless the status is SUCCESSFUL. */
  readonly returnValue: JsonValue;
  /** What `context.setProgress` stored last; `null` when nothing was. */
  readonly progress: JsonValue;
  /** Lines written with `context.log`, oldest first. */
  readonly logs: readonly TaskLogEntry[];
  /** Attempts that count toward `maxAttempts`, since the last manual retry. */
  readonly failures: number;
  /** Attempts whose worker vanished, since the last manual retry. */
  readonly lost: number;
  /** Above this many lost attempts the task is FAILED with `TaskLost`. */
  readonly maxLost: number;
  /** Someone asked to cancel the running attempt. */
  readonly cancelRequested: boolean;
  /** Ready and due, but held back (by a concurrency limit or a paused queue). */
  readonly blocked: boolean;
}

/** Tells whether a status is final. */
export function isFinished(status: TaskStatus): boolean {
  return status === "SUCCESSFUL" || status === "FAILED";
}

/**
 * Derives the state people read from a record.
 *
 * @param now the present by the clock that decides readiness.
 */
export function taskState(
  record: Pick<TaskRecord, "status" | "errors" | "workerIds" | "runAfter" | "blocked">,
  now: Date = new Date(),
): TaskState {
  switch (record.status) {
    case "RUNNING":
      return "running";
    case "SUCCESSFUL":
      return "successful";
    case "FAILED": {
      const last = record.errors.at(-1)?.exceptionClass;
      if (last === "TaskCancelled") return "cancelled";
      return last === "TaskLost" ? "lost" : "failed";
    }
    case "READY":
      if (record.workerIds.length > 0) return "retrying";
      if (record.runAfter !== null && record.runAfter > now) return "scheduled";
      return record.blocked ? "blocked" : "ready";
  }
}
