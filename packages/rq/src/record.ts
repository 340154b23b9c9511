import {
  TASK_STATUSES,
  type JsonObject,
  type JsonValue,
  type TaskError,
  type TaskLogEntry,
  type TaskRecord,
  type TaskStatus,
} from "@tasks/core";

/** Fields of a job as Redis gives them: name, value, name, value … */
export type Fields = readonly string[];

/** A job's fields by name. */
export type Job = ReadonlyMap<string, string>;

/** What `maxLost` is of jobs that do not say it. */
const USUAL_MAX_LOST = 3;

/** Fields by name. */
export function toJob(fields: Fields): Map<string, string> {
  const job = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) job.set(fields[at]!, fields[at + 1]!);
  return job;
}

/**
 * BullMQ's priority of one of ours: 1…201, smaller runs sooner. 0 would be no priority at all, and run before all others.
 */
export function toBullPriority(priority: number): number {
  return 101 - priority;
}

/**
 * Reads a job, whatever state it is in: a damaged field reads as empty, so that one bad job never hides the others.
 *
 * Only an attempt must not run with arguments nobody enqueued; claims read them with `readArgs`.
 */
export function toRecord(id: string, queueName: string, job: Job): TaskRecord {
  const { status } = readClaim(job);
  const workerIds = readWorkerIds(job);
  const processedOn = toDate(job.get("processedOn"));
  return {
    id,
    taskName: job.get("name") ?? "",
    status,
    args: jsonArray(job.get("data")) as readonly JsonValue[],
    queueName,
    priority: 101 - (toNumber(job.get("priority")) || 101),
    runAfter: toDate(job.get("runAfter")),
    metadata: jsonObject(job.get("metadata")),
    enqueuedAt: toDate(job.get("timestamp")) ?? new Date(0),
    // Only a second start makes a field of the first one.
    startedAt: workerIds.length === 0 ? null : (toDate(job.get("startedAt")) ?? processedOn),
    lastAttemptedAt: processedOn,
    finishedAt: toDate(job.get("finishedOn")),
    errors: readErrors(job),
    workerIds,
    returnValue: status === "SUCCESSFUL" ? jsonValue(job.get("returnvalue")) : null,
    progress: jsonValue(job.get("progress")),
    logs: readLogs(job.get("logs")),
    failures: toNumber(job.get("failures")),
    lost: toNumber(job.get("lost")),
    maxLost: toNumber(job.get("maxLost") ?? USUAL_MAX_LOST),
    cancelRequested: job.get("cancel") === "1",
    blocked: false,
  };
}

/**
 * Reads the arguments of a job.
 *
 * @throws TypeError when the field does not hold a JSON array.
 */
export function readArgs(job: Job): readonly JsonValue[] {
  const value = parse(job.get("data"));
  if (Array.isArray(value)) return value as readonly JsonValue[];
  throw new TypeError("The stored arguments are damaged: not a JSON array.");
}

/** Workers of the attempts; empty when the field is damaged. */
export function readWorkerIds(job: Job): readonly string[] {
  return jsonArray(job.get("workers")).filter((entry) => typeof entry === "string");
}

/** What the field that makes a job ours says: the status, and the latest claim. */
export interface Claim {
  readonly status: TaskStatus;
  /** Grows with every claim; 0 before the first. */
  readonly fence: number;
  readonly session: string;
}

/** Reads a job's status and its latest claim. */
export function readClaim(job: Job): Claim {
  const [status, fence, session = ""] = (job.get("status") ?? "").split(" ");
  return { status: toStatus(status), fence: toNumber(fence), session };
}

/**
 * What a transition changed, as fields for Redis: name, value, name, value … The status is not among them. A traceback is kept once, where BullMQ's tools
 * look for it.
 */
export function toFields(before: TaskRecord, after: TaskRecord): (string | number)[] {
  const fields: (string | number)[] = [];
  const setDate = (name: string, date: Date | null, old: Date | null): void => {
    if (date?.getTime() !== old?.getTime()) fields.push(name, toMs(date));
  };
  setDate("runAfter", after.runAfter, before.runAfter);
  setDate("startedAt", after.startedAt, before.startedAt);
  setDate("processedOn", after.lastAttemptedAt, before.lastAttemptedAt);
  setDate("finishedOn", after.finishedAt, before.finishedAt);
  for (const name of ["failures", "lost"] as const) {
    if (after[name] !== before[name]) fields.push(name, after[name]);
  }
  if (after.cancelRequested !== before.cancelRequested) {
    fields.push("cancel", after.cancelRequested ? "1" : "");
  }
  if (after.workerIds !== before.workerIds) {
    fields.push("workers", JSON.stringify(after.workerIds), "atm", after.workerIds.length);
  }
  if (after.returnValue !== null) fields.push("returnvalue", JSON.stringify(after.returnValue));
  if (after.errors !== before.errors) fields.push(...errorFields(after.errors));
  for (const name of ["progress", "metadata", "logs"] as const) {
    if (after[name] !== before[name]) fields.push(name, JSON.stringify(after[name]));
  }
  return fields;
}

function errorFields(errors: readonly TaskError[]): string[] {
  const kept = errors.map(({ traceback: _traceback, ...error }) => error);
  const stacks = errors.map(({ traceback }) => traceback);
  const fields = ["errors", JSON.stringify(kept), "stacktrace", JSON.stringify(stacks)];
  const last = errors.at(-1);
  return last === undefined ? fields : [...fields, "failedReason", last.message];
}

function readErrors(job: Job): readonly TaskError[] {
  const text = job.get("errors");
  if (text === undefined) return [];
  const stacks = jsonArray(job.get("stacktrace"));
  return jsonArray(text)
    .filter(isObject)
    .map((entry, index) => ({
      exceptionClass: toText(entry["exceptionClass"]),
      message: toText(entry["message"]),
      traceback: toText(stacks[index]),
      attempt: toNumber(entry["attempt"]),
      workerId: typeof entry["workerId"] === "string" ? entry["workerId"] : null,
      occurredAt: toIsoDate(entry["occurredAt"]),
    }));
}

function readLogs(text: string | undefined): readonly TaskLogEntry[] {
  return jsonArray(text)
    .filter(isObject)
    .map((entry) => ({
      level: entry["level"] === "warn" || entry["level"] === "error" ? entry["level"] : "info",
      message: toText(entry["message"]),
      attempt: toNumber(entry["attempt"]),
      loggedAt: toIsoDate(entry["loggedAt"]),
    }));
}

function toStatus(value: string | undefined): TaskStatus {
  // An unknown status is nothing a worker may run and nothing that succeeded.
  return TASK_STATUSES.find((status) => status === value) ?? "FAILED";
}

/** A whole number; 0 when it is anything else. */
export function toNumber(value: unknown): number {
  const number = typeof value === "number" ? value : Number(value ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

function toMs(date: Date | null): number | "" {
  return date === null ? "" : date.getTime();
}

function toDate(value: string | undefined): Date | null {
  if (value === undefined || value === "") return null;
  const date = new Date(Number(value));
  return Number.isNaN(date.getTime()) ? null : date;
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function toIsoDate(value: unknown): Date {
  const date = new Date(typeof value === "string" ? value : 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function jsonValue(text: string | undefined): JsonValue {
  return (parse(text) as JsonValue | undefined) ?? null;
}

function jsonArray(text: string | undefined): readonly unknown[] {
  if (text === undefined || text === "[]") return [];
  const value = parse(text);
  return Array.isArray(value) ? value : [];
}

function jsonObject(text: string | undefined): JsonObject {
  const value = parse(text);
  return isObject(value) ? (value as JsonObject) : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
