import { hostname } from "node:os";

import type { PruneOptions, RetentionOptions, WorkerOptions } from "../backend.ts";
import { InvalidTask } from "../errors.ts";
import { createId } from "../ids.ts";
import { assertQueueName, DEFAULT_TASK_QUEUE_NAME } from "../task-options.ts";

/** Worker options after defaults and checks. */
export interface ResolvedWorkerOptions {
  readonly queueNames: readonly string[];
  readonly excludeQueues: readonly string[];
  readonly concurrency: number;
  readonly intervalMs: number;
  readonly batch: boolean;
  /** `Infinity` for no limit. */
  readonly maxTasks: number;
  readonly workerId: string;
  readonly startupDelay: boolean;
  readonly shutdownTimeoutMs: number;
  /** `undefined` keeps old results. */
  readonly retention: ResolvedRetention | undefined;
}

/** What to delete, and how often to look for it. */
export interface ResolvedRetention extends PruneOptions {
  readonly everyMs: number;
}

const LONGEST_MS = 86_400_000;

/**
 * Applies defaults and checks.
 *
 * @throws InvalidTask saying which option is wrong.
 */
export function resolveWorkerOptions(options: WorkerOptions = {}): ResolvedWorkerOptions {
  const { workerId = defaultWorkerId() } = options;
  if (workerId.length === 0) throw new InvalidTask("Worker id must not be empty");
  if (workerId.length > 64) {
    throw new InvalidTask("Worker ids must be shorter than 64 characters");
  }
  return {
    ...resolveQueues(options),
    concurrency: whole("concurrency", options.concurrency ?? 10, 1, 10_000),
    intervalMs: milliseconds("intervalMs", options.intervalMs ?? 1000),
    batch: options.batch ?? false,
    maxTasks:
      options.maxTasks === undefined
        ? Number.POSITIVE_INFINITY
        : whole("maxTasks", options.maxTasks, 1, Number.MAX_SAFE_INTEGER),
    workerId,
    startupDelay: options.startupDelay ?? false,
    shutdownTimeoutMs: milliseconds("shutdownTimeoutMs", options.shutdownTimeoutMs ?? 30_000),
    retention: options.retention === undefined ? undefined : resolveRetention(options.retention),
  };
}

function resolveRetention(options: RetentionOptions): ResolvedRetention {
  const { minAgeMs, failedMinAgeMs, queueNames, batchSize, everyMs = 60_000 } = options;
  age("retention.minAgeMs", minAgeMs);
  age("retention.failedMinAgeMs", failedMinAgeMs);
  for (const name of queueNames ?? []) assertQueueName(name);
  if (batchSize !== undefined) whole("retention.batchSize", batchSize, 1, 100_000);
  whole("retention.everyMs", everyMs, 100, LONGEST_MS);
  return Object.freeze({ minAgeMs, failedMinAgeMs, queueNames, batchSize, everyMs });
}

function age(option: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value >= 0)) return;
  throw new InvalidTask(`${option} must be a number of milliseconds from 0, not ${String(value)}.`);
}

function resolveQueues({
  queueNames = [DEFAULT_TASK_QUEUE_NAME],
  excludeQueues = [],
}: WorkerOptions): Pick<ResolvedWorkerOptions, "queueNames" | "excludeQueues"> {
  if (queueNames.length === 0) {
    throw new InvalidTask('queueNames must not be empty. Use ["*"] for all queues.');
  }
  const isAll = queueNames.includes("*");
  if (isAll && queueNames.length > 1) {
    throw new InvalidTask('queueNames must be ["*"] alone, or names without "*".');
  }
  if (!isAll) for (const name of queueNames) assertQueueName(name);
  if (!isAll && excludeQueues.length > 0) {
    throw new InvalidTask('excludeQueues can only be used with queueNames ["*"].');
  }
  return {
    queueNames: Object.freeze([...new Set(queueNames)]),
    excludeQueues: Object.freeze([...new Set(excludeQueues)]),
  };
}

function defaultWorkerId(): string {
  return `${hostname().slice(0, 24)}-${process.pid}-${createId().slice(-8)}`;
}

function whole(option: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidTask(
    `${option} must be a whole number between ${min} and ${max}, not ${String(value)}.`,
  );
}

function milliseconds(option: string, value: number): number {
  if (Number.isFinite(value) && value >= 0 && value <= LONGEST_MS) return value;
  throw new InvalidTask(
    `${option} must be between 0 and ${LONGEST_MS} milliseconds, not ${String(value)}.`,
  );
}
