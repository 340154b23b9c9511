import type { TaskRecord } from "@tasks/core";
import { withGap } from "@tasks/core/worker";

import type { SqlValue } from "../connection.ts";
import { PHASE } from "../tables.ts";

/** Fences begin anew behind this one: a row whose fence is at the limit of its column, by whatever damage, must not fail a claim of many. */
export const FENCES = 1_000_000_000;
/** Max value of a stored count. */
const MAX_COUNT = 1_000_000_000;

/** The phase of a record that falls due at `due`. */
export function phaseOf({ status }: TaskRecord, due: number, now: number): number {
  return status === "READY" && due > now ? PHASE.scheduled : PHASE_OF_STATUS[status];
}

/** The phase of a status; for READY that of rows that are due. */
export const PHASE_OF_STATUS: Readonly<Record<TaskRecord["status"], number>> = {
  READY: PHASE.ready,
  RUNNING: PHASE.running,
  SUCCESSFUL: PHASE.successful,
  FAILED: PHASE.failed,
};

/** What claims are ordered by within a priority, in milliseconds. */
export function dueOf({ runAfter, enqueuedAt }: TaskRecord): number {
  return (runAfter ?? enqueuedAt).getTime();
}

function toCount(count: number): number {
  return Math.max(0, Math.min(MAX_COUNT, count));
}

/** JSON text; SQL's null for null. */
function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/**
 * The columns that a transition may change besides the phase: due, run_after, started_at, last_attempted_at, finished_at, failures, lost, cancel_requested,
 * exception_class, worker_ids, errors, metadata, progress, logs, return_value.
 */
export function savedValues(record: TaskRecord): readonly SqlValue[] {
  const exceptionClass =
    record.status === "FAILED" ? (record.errors.at(-1)?.exceptionClass ?? null) : null;
  return [
    dueOf(record),
    record.runAfter?.getTime() ?? null,
    record.startedAt?.getTime() ?? null,
    record.lastAttemptedAt?.getTime() ?? null,
    record.finishedAt?.getTime() ?? null,
    toCount(record.failures),
    toCount(record.lost),
    record.cancelRequested ? 1 : 0,
    exceptionClass?.slice(0, 255) ?? null,
    JSON.stringify(withGap(record.workerIds, record.attempts - record.workerIds.length)),
    JSON.stringify(withGap(record.errors, record.errorsOmitted)),
    JSON.stringify(record.metadata),
    jsonOrNull(record.progress),
    JSON.stringify(record.logs),
    record.status === "SUCCESSFUL" ? JSON.stringify(record.returnValue) : null,
  ];
}
