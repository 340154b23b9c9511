import {
  TASK_STATUSES,
  type JsonValue,
  type TaskLogEntry,
  type TaskRecord,
  type TaskStatus,
} from "@tasks/core";
import { attemptsOf, withGap } from "@tasks/core/worker";

import { errorFields, readErrors } from "./error-fields.ts";
import {
  isObject,
  jsonArray,
  jsonObject,
  jsonValue,
  parse,
  toIsoDate,
  toNumber,
  toText,
} from "./stored-json.ts";

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
  const attempted = readAttempts(job);
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
    startedAt: attempted.attempts === 0 ? null : (toDate(job.get("startedAt")) ?? processedOn),
    lastAttemptedAt: processedOn,
    finishedAt: toDate(job.get("finishedOn")),
    ...readErrors(job.get("errors"), job.get("stacktrace")),
    ...attempted,
    returnValue: status === "SUCCESSFUL" ? jsonValue(job.get("returnvalue")) : null,
    progress: jsonValue(job.get("progress")),
    logs: readLogs(job.get("logs")),
    failures: toNumber(job.get("failures")),
    lost: toNumber(job.get("lost")),
    maxLost: toNumber(job.get("maxLost") ?? USUAL_MAX_LOST),
    cancelRequested: job.get("cancel") === "1",
    blocked: status === "READY" && job.get("isPaused") === "1",
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

/** The attempts, of which the first and the latest are listed; none when the field is damaged. */
export function readAttempts(job: Job): Pick<TaskRecord, "attempts" | "workerIds"> {
  return attemptsOf(jsonArray(job.get("workers")));
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
 * What a transition changed, as fields for Redis: name, value, name, value … The status is not among them.
 */
export function toFields(before: TaskRecord, after: TaskRecord): (string | number)[] {
  const fields: (string | number)[] = [];
  const setDate = (name: string, date: Date | null, old: Date | null): void => {
    if (date?.getTime() !== old?.getTime()) fields.push(name, toMs(date));
  };
  setDate("runAfter", after.runAfter, before.runAfter);
  // Tools show it as counted from the enqueue.
  if (after.runAfter !== null && after.runAfter !== before.runAfter) {
    fields.push("delay", Math.max(0, after.runAfter.getTime() - after.enqueuedAt.getTime()));
  }
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
    const workers = withGap(after.workerIds, after.attempts - after.workerIds.length);
    fields.push("workers", JSON.stringify(workers), "atm", after.attempts);
  }
  if (after.returnValue !== null) fields.push("returnvalue", JSON.stringify(after.returnValue));
  if (after.errors !== before.errors) fields.push(...errorFields(after));
  for (const name of ["progress", "metadata", "logs"] as const) {
    if (after[name] !== before[name]) fields.push(name, JSON.stringify(after[name]));
  }
  return fields;
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

function toMs(date: Date | null): number | "" {
  return date === null ? "" : date.getTime();
}

function toDate(value: string | undefined): Date | null {
  if (value === undefined || value === "") return null;
  const date = new Date(Number(value));
  return Number.isNaN(date.getTime()) ? null : date;
}
