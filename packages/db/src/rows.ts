import type {
  JsonObject,
  JsonValue,
  TaskError,
  TaskLogEntry,
  TaskRecord,
  TaskStatus,
} from "@tasks/core";
import { attemptsOf, gapOf, isGap } from "@tasks/core/worker";

import type { Row } from "./connection.ts";
import type { StoredSession } from "./dialect.ts";
import { PHASE } from "./tables.ts";

/** Columns a record is read from. */
export const RECORD_COLUMNS = [
  "seq",
  "id",
  "fence",
  "queue_name",
  "task_name",
  "phase",
  "priority",
  "due",
  "run_after",
  "enqueued_at",
  "started_at",
  "last_attempted_at",
  "finished_at",
  "failures",
  "lost",
  "max_lost",
  "cancel_requested",
  "session_id",
  "worker_ids",
  "errors",
  "metadata",
  "progress",
  "logs",
  "args",
  "return_value",
] as const;

/** Columns of a record that hold numbers. */
export const NUMBER_COLUMNS: ReadonlySet<string> = new Set(
  `seq fence phase priority due run_after enqueued_at started_at last_attempted_at finished_at
  failures lost max_lost cancel_requested`.split(/\s+/),
);

/** Columns that recovery reads. Arguments may be large: they are read only where the attempt was the last, for the signal of its end. */
export const LOST_COLUMNS: readonly string[] = RECORD_COLUMNS.filter(
  (column) => column !== "return_value",
).map((column) =>
  column === "args"
    ? "case when lost >= max_lost or cancel_requested <> 0 then args else '[]' end as args"
    : column,
);

/** Reads a session. */
export function toSession(row: Row): StoredSession {
  const heartbeat = toNumber(row["heartbeat"]);
  return {
    sessionId: toText(row["session_id"]),
    leaseMs: toNumber(row["lease_ms"]),
    beat: heartbeat > 0 ? heartbeat : null,
    isHolder: Boolean(toNumber(row["is_holder"])),
  };
}

/**
 * Reads a row, whatever state it is in: a damaged column reads as empty, so that one bad row never hides the others.
 *
 * Only an attempt must not run with arguments nobody enqueued; claims read them with `readArgs`.
 */
export function toRecord(row: Row): TaskRecord {
  const status = toStatus(row["phase"]);
  return {
    id: toText(row["id"]),
    taskName: toText(row["task_name"]),
    status,
    args: jsonArray(row["args"]) as readonly JsonValue[],
    queueName: toText(row["queue_name"]),
    priority: toNumber(row["priority"]),
    runAfter: toDateOrNull(row["run_after"]),
    metadata: jsonObject(row["metadata"]),
    enqueuedAt: toDateOrNull(row["enqueued_at"]) ?? new Date(0),
    startedAt: toDateOrNull(row["started_at"]),
    lastAttemptedAt: toDateOrNull(row["last_attempted_at"]),
    finishedAt: toDateOrNull(row["finished_at"]),
    ...readErrors(row["errors"]),
    ...readAttempts(row["worker_ids"]),
    returnValue: status === "SUCCESSFUL" ? jsonValue(row["return_value"]) : null,
    progress: jsonValue(row["progress"]),
    logs: readLogs(row["logs"]),
    failures: toNumber(row["failures"]),
    lost: toNumber(row["lost"]),
    maxLost: toNumber(row["max_lost"]),
    cancelRequested: toNumber(row["cancel_requested"]) !== 0,
    blocked: status === "READY" && Boolean(row["is_paused"]),
  };
}

/**
 * Reads the arguments of a row.
 *
 * @throws TypeError when the column does not hold a JSON array.
 */
export function readArgs(text: unknown): readonly JsonValue[] {
  const value = parse(text);
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw new TypeError("The stored arguments are damaged: not a JSON array.");
}

/** The attempts, of which the first and the latest are listed; none when the column is damaged. */
export function readAttempts(text: unknown): Pick<TaskRecord, "attempts" | "workerIds"> {
  return attemptsOf(jsonArray(text));
}

/** A JSON array of texts; empty when it is damaged. */
export function readTexts(text: unknown): readonly string[] {
  return jsonArray(text).filter((entry) => typeof entry === "string");
}

/** A whole number; 0 when it is anything else. */
export function toNumber(value: unknown): number {
  // PostgreSQL and MySQL drivers may hand out 64-bit integers as text or bigint.
  const number = typeof value === "number" ? value : Number(value ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

/** A text; empty when it is anything else. */
export function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A moment; 1970 when it is damaged. */
export function toDate(value: unknown): Date {
  return toDateOrNull(value) ?? new Date(0);
}

function toDateOrNull(value: unknown): Date | null {
  if (value === null || value === undefined) return null;
  const date = new Date(Number(value));
  return Number.isNaN(date.getTime()) ? null : date;
}

/** The status of a phase. One that is unknown is nothing a worker may run, and nothing that succeeded. */
export function toStatus(phase: unknown): TaskStatus {
  switch (Number(phase)) {
    case PHASE.ready:
    case PHASE.scheduled:
      return "READY";
    case PHASE.running:
      return "RUNNING";
    case PHASE.successful:
      return "SUCCESSFUL";
    default:
      return "FAILED";
  }
}

function parse(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jsonValue(text: unknown): JsonValue {
  return (parse(text) as JsonValue | undefined) ?? null;
}

function jsonArray(text: unknown): readonly unknown[] {
  if (text === "[]") return [];
  const value = parse(text);
  return Array.isArray(value) ? value : [];
}

function jsonObject(text: unknown): JsonObject {
  if (text === "{}") return {};
  const value = parse(text);
  return isObject(value) ? (value as JsonObject) : {};
}

function readErrors(text: unknown): Pick<TaskRecord, "errors" | "errorsOmitted"> {
  const list = jsonArray(text);
  const errors = list
    .filter(isObject)
    .filter((entry) => !isGap(entry))
    .map((entry): TaskError => ({
      exceptionClass: toText(entry["exceptionClass"]),
      message: toText(entry["message"]),
      traceback: toText(entry["traceback"]),
      attempt: toNumber(entry["attempt"]),
      workerId: typeof entry["workerId"] === "string" ? entry["workerId"] : null,
      occurredAt: toIsoDate(entry["occurredAt"]),
    }));
  return { errors, errorsOmitted: gapOf(list) };
}

function readLogs(text: unknown): readonly TaskLogEntry[] {
  return jsonArray(text)
    .filter(isObject)
    .map((entry) => ({
      level: entry["level"] === "warn" || entry["level"] === "error" ? entry["level"] : "info",
      message: toText(entry["message"]),
      attempt: toNumber(entry["attempt"]),
      loggedAt: toIsoDate(entry["loggedAt"]),
    }));
}

function toIsoDate(value: unknown): Date {
  const date = new Date(typeof value === "string" ? value : 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
