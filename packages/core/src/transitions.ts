/**
 * The life of a task result as pure functions: what a claim, a completion, a loss, a cancellation and a manual retry change about a record.
 *
 * This is the reference. Backends that keep records as they are call these functions; the others do the same in their store's language, and
 * the conformance suite holds them to it.
 */
import type { EnqueueRequest } from "./backend.ts";
import { TaskCancelled, TaskLost } from "./errors.ts";
import { withAttempt, withError } from "./history.ts";
import { createId } from "./ids.ts";
import { toTaskError } from "./task-error.ts";
import type { TaskError, TaskRecord } from "./task-record.ts";
import type {
  AttemptChanges,
  AttemptOutcome,
  Completion,
  CompletionAnswer,
} from "./worker/worker-store.ts";

/**
 * A request becomes a READY record.
 *
 * @param id the record's id, for stores that make their own. @default the given one, else a new one
 */
export function enqueue(
  request: EnqueueRequest,
  now: Date,
  id: string = request.id ?? createId(),
): TaskRecord {
  return {
    id,
    taskName: request.taskName,
    status: "READY",
    args: request.args,
    queueName: request.queueName,
    priority: request.priority,
    runAfter: request.delayMs === null ? request.runAfter : after(now, request.delayMs),
    metadata: request.metadata,
    enqueuedAt: now,
    startedAt: null,
    lastAttemptedAt: null,
    finishedAt: null,
    errors: [],
    errorsOmitted: 0,
    attempts: 0,
    workerIds: [],
    returnValue: null,
    progress: null,
    logs: [],
    failures: 0,
    lost: 0,
    maxLost: request.maxLost,
    cancelRequested: false,
    blocked: false,
  };
}

/** READY becomes RUNNING. */
export function claim(record: TaskRecord, workerId: string, now: Date): TaskRecord {
  return {
    ...record,
    status: "RUNNING",
    startedAt: record.startedAt ?? now,
    lastAttemptedAt: now,
    ...withAttempt(record, workerId),
    blocked: false,
  };
}

/**
 * What a completion whose fence and session still hold makes of a RUNNING record: its outcome, or FAILED with `TaskCancelled` when that was asked for and the
 * worker had not seen it.
 */
export function settle(
  record: TaskRecord,
  completion: Pick<Completion, "outcome" | "changes" | "cancelled">,
  now: Date,
): { readonly record: TaskRecord; readonly answer: "recorded" | "cancelled" } {
  if (record.cancelRequested && !completion.cancelled) {
    return {
      record: cancelNow(applyChanges(record, completion.changes), now),
      answer: "cancelled",
    };
  }
  return {
    record: complete(record, completion.outcome, completion.changes, now),
    answer: "recorded",
  };
}

/**
 * What to answer to a completion whose attempt is over: `recorded` when this very outcome was stored before, so that it is brought again only because the
 * first answer did not arrive, and `lost` otherwise.
 *
 * @param isLatest fence and session are still the completion's: nobody has claimed the result since.
 */
export function answerRepeated(
  { status, errors }: TaskRecord,
  { outcome }: Pick<Completion, "outcome">,
  isLatest: boolean,
): CompletionAnswer {
  const isStored =
    outcome.type === "successful"
      ? status === "SUCCESSFUL" && isLatest
      : "error" in outcome && errors.some((error) => isSameError(error, outcome.error));
  return isStored ? "recorded" : "lost";
}

/** RUNNING becomes SUCCESSFUL, FAILED or READY again, as the outcome says. */
export function complete(
  record: TaskRecord,
  outcome: AttemptOutcome,
  changes: AttemptChanges | null,
  now: Date,
): TaskRecord {
  const changed = applyChanges(record, changes);
  switch (outcome.type) {
    case "successful":
      return {
        ...changed,
        status: "SUCCESSFUL",
        finishedAt: now,
        returnValue: outcome.returnValue,
        cancelRequested: false,
      };
    case "failed":
      return fail(changed, outcome.error, now);
    case "retry":
      return {
        ...changed,
        status: "READY",
        runAfter: after(now, outcome.delayMs),
        ...withError(changed, outcome.error),
        failures: changed.failures + 1,
      };
    case "snooze":
      return { ...withoutAttempt(changed), runAfter: after(now, outcome.delayMs) };
    case "release":
      return { ...withoutAttempt(changed), runAfter: dueAgain(changed, now) };
  }
}

/** The worker of a RUNNING record vanished: READY again, or FAILED with `TaskLost` above `maxLost`; FAILED with `TaskCancelled` when that was asked for. */
export function lose(record: TaskRecord, now: Date): TaskRecord {
  const lost = record.lost + 1;
  if (record.cancelRequested) return cancelNow({ ...record, lost }, now);
  if (lost <= record.maxLost) {
    return { ...record, status: "READY", lost, runAfter: dueAgain(record, now) };
  }
  const times = lost === 1 ? "1 attempt was" : `${lost} attempts were`;
  const error = new TaskLost(
    `The worker vanished while it ran the task; ${times} lost and maxLost is ${record.maxLost}.`,
  );
  return fail({ ...record, lost }, errorOf(record, error, now), now);
}

/** A READY record becomes FAILED with `TaskCancelled`; a RUNNING one remembers the wish. */
export function cancel(record: TaskRecord, now: Date): TaskRecord {
  if (record.status === "RUNNING") return { ...record, cancelRequested: true };
  return record.status === "READY" ? cancelNow(record, now) : record;
}

/** FAILED with `TaskCancelled`. */
export function cancelNow(record: TaskRecord, now: Date): TaskRecord {
  return fail(record, errorOf(record, new TaskCancelled(), now), now);
}

/** A FAILED record becomes READY, with a fresh allowance of attempts. */
export function retry(record: TaskRecord, now: Date): TaskRecord {
  return {
    ...record,
    status: "READY",
    runAfter: dueAgain({ ...record, runAfter: null }, now),
    finishedAt: null,
    failures: 0,
    lost: 0,
    cancelRequested: false,
  };
}

/** A record that its store refuses to store becomes FAILED with the cause, without what may be at fault: history, metadata, progress and logs. */
export function failUnstorable(record: TaskRecord, cause: unknown, now: Date): TaskRecord {
  const bare = { ...record, errors: [], errorsOmitted: 0, metadata: {}, progress: null, logs: [] };
  const error = toTaskError(cause, {
    attempt: record.attempts,
    workerId: record.workerIds.at(-1) ?? null,
    occurredAt: now,
  });
  return fail({ ...bare, workerIds: record.workerIds.slice(-1) }, error, now);
}

/** Progress, metadata and logs of a running attempt. */
export function applyChanges(record: TaskRecord, changes: AttemptChanges | null): TaskRecord {
  if (changes === null) return record;
  return {
    ...record,
    progress: changes.progress === undefined ? record.progress : changes.progress,
    metadata: changes.metadata ?? record.metadata,
    logs: changes.logs ?? record.logs,
  };
}

function fail(record: TaskRecord, error: TaskError, now: Date): TaskRecord {
  return {
    ...record,
    status: "FAILED",
    finishedAt: now,
    ...withError(record, error),
    failures: record.failures + 1,
    cancelRequested: false,
  };
}

/** The due time of a record that was due before: it is due still, also where the store's clock was set back meanwhile. */
function dueAgain({ runAfter, enqueuedAt }: TaskRecord, now: Date): Date | null {
  return (runAfter ?? enqueuedAt) > now ? now : runAfter;
}

/** Takes the running attempt back as if it had not begun. */
function withoutAttempt(record: TaskRecord): TaskRecord {
  const attempts = Math.max(0, record.attempts - 1);
  return {
    ...record,
    status: "READY",
    attempts,
    workerIds: record.workerIds.slice(0, -1),
    startedAt: attempts === 0 ? null : record.startedAt,
  };
}

function errorOf(record: TaskRecord, error: Error, occurredAt: Date): TaskError {
  // Nobody threw it: its stack would show who stored it.
  delete error.stack;
  return toTaskError(error, {
    attempt: record.attempts,
    workerId: record.workerIds.at(-1) ?? null,
    occurredAt,
  });
}

function isSameError(a: TaskError, b: TaskError): boolean {
  return (
    a.attempt === b.attempt &&
    a.workerId === b.workerId &&
    a.exceptionClass === b.exceptionClass &&
    a.occurredAt.getTime() === b.occurredAt.getTime()
  );
}

function after(now: Date, delayMs: number): Date {
  return new Date(now.getTime() + delayMs);
}
