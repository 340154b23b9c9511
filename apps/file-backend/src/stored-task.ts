import { TASK_STATUSES, type TaskRecord } from "@tasks/core";

/** What a file of a task holds: the record, and what only the backend needs. */
export interface StoredTask {
  /** Number of its file: grows with every change. */
  readonly version: number;
  readonly record: TaskRecord;
  /** Enqueue order. */
  readonly sequence: number;
  /** Version of the latest claim; 0 before the first. */
  readonly fence: number;
  /** The session that claimed last; `null` before the first claim. */
  readonly sessionId: string | null;
  /** It holds a unique key of the scope `until-started`. */
  readonly holdsKey: boolean;
  /** `retry()` made it READY again after its end, which had freed its key. */
  readonly wasFinished: boolean;
}

/** A change of a task: everything but the version, which the store gives. */
export type TaskChange = Omit<StoredTask, "version">;

/** The last file of a task that was deleted. */
export const DELETED = '{"deleted":true}';

/** The text of a task's next file. */
export function encodeTask({
  record,
  sequence,
  fence,
  sessionId,
  holdsKey,
  wasFinished,
}: TaskChange): string {
  return JSON.stringify({ sequence, fence, sessionId, holdsKey, wasFinished, record });
}

/**
 * Reads what `encodeTask` wrote; `undefined` for a deleted task.
 *
 * @throws TypeError or SyntaxError for anything else: files can be edited by hand, and disks fail.
 */
export function decodeTask(text: string, version: number): StoredTask | undefined {
  if (text === DELETED) return undefined;
  const { sequence, fence, sessionId, holdsKey, wasFinished, record } = asObject(JSON.parse(text));
  const isSession = sessionId === null || isText(sessionId);
  if (!isCount(sequence) || !isCount(fence) || !isSession || typeof holdsKey !== "boolean") {
    throw new TypeError("The fields beside the record are not those of a task.");
  }
  const decoded = decodeRecord(asObject(record));
  return {
    version,
    sequence,
    fence,
    sessionId,
    holdsKey,
    wasFinished: wasFinished === true,
    record: decoded,
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** What each field of a record must look like. */
const FIELDS: Readonly<Record<keyof TaskRecord, (value: unknown) => boolean>> = {
  id: isText,
  taskName: isText,
  status: (value) => (TASK_STATUSES as readonly unknown[]).includes(value),
  args: Array.isArray,
  queueName: isText,
  priority: Number.isInteger,
  runAfter: isTimeOrNull,
  metadata: isObject,
  enqueuedAt: isTime,
  startedAt: isTimeOrNull,
  lastAttemptedAt: isTimeOrNull,
  finishedAt: isTimeOrNull,
  errors: (value) => isObjects(value) && value.every(({ occurredAt }) => isTime(occurredAt)),
  errorsOmitted: isCount,
  attempts: isCount,
  workerIds: (value) => Array.isArray(value) && value.every(isText),
  returnValue: (value) => value !== undefined,
  progress: (value) => value !== undefined,
  logs: (value) => isObjects(value) && value.every(({ loggedAt }) => isTime(loggedAt)),
  failures: isCount,
  lost: isCount,
  maxLost: isCount,
  cancelRequested: (value) => typeof value === "boolean",
  blocked: (value) => typeof value === "boolean",
};

function decodeRecord(fields: Fields): TaskRecord {
  for (const [name, isValid] of Object.entries(FIELDS)) {
    if (!isValid(fields[name])) throw new TypeError(`'${name}' is not what a record has there.`);
  }
  // Checked field by field above; what is left is to turn texts into dates.
  const record = fields as unknown as TaskRecord;
  return {
    ...record,
    runAfter: toDate(record.runAfter),
    enqueuedAt: new Date(record.enqueuedAt),
    startedAt: toDate(record.startedAt),
    lastAttemptedAt: toDate(record.lastAttemptedAt),
    finishedAt: toDate(record.finishedAt),
    errors: record.errors.map((error) => ({ ...error, occurredAt: new Date(error.occurredAt) })),
    logs: record.logs.map((entry) => ({ ...entry, loggedAt: new Date(entry.loggedAt) })),
  };
}

function toDate(time: Date | null): Date | null {
  return time === null ? null : new Date(time);
}

function asObject(value: unknown): Fields {
  if (isObject(value)) return value;
  throw new TypeError("An object was expected.");
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isObjects(value: unknown): value is readonly Fields[] {
  return Array.isArray(value) && value.every(isObject);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): boolean {
  return isText(value) && !Number.isNaN(Date.parse(value));
}

function isTimeOrNull(value: unknown): boolean {
  return value === null || isTime(value);
}
