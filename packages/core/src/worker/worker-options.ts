import { hostname } from "node:os";

import type { PruneOptions, RetentionOptions, WorkerOptions } from "../backend.ts";
import { InvalidOption } from "../errors.ts";
import { createId } from "../ids.ts";
import { assertBetween, assertWhole } from "../internal/assert-option.ts";
import { assertKnownOptions } from "../known-options.ts";
import { assertAge } from "../prune-options.ts";
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
const KNOWN = {
  queueNames: 1,
  excludeQueues: 1,
  concurrency: 1,
  intervalMs: 1,
  batch: 1,
  maxTasks: 1,
  workerId: 1,
  startupDelay: 1,
  shutdownTimeoutMs: 1,
  retention: 1,
};

/**
 * Applies defaults and checks.
 *
 * @throws InvalidOption saying which option is wrong or unknown.
 */
export function resolveWorkerOptions(options: WorkerOptions = {}): ResolvedWorkerOptions {
  assertKnownOptions("createWorker()", options, KNOWN);
  const { workerId = defaultWorkerId(), retention } = options;
  const { concurrency = 10, intervalMs = 1000, shutdownTimeoutMs = 30_000 } = options;
  const { batch = false, maxTasks = Number.POSITIVE_INFINITY, startupDelay = false } = options;
  if (workerId.length === 0) throw new InvalidOption("Worker id must not be empty");
  if (workerId.length > 64) {
    throw new InvalidOption("Worker ids must be shorter than 64 characters");
  }
  assertWhole("concurrency", concurrency, 1, 10_000);
  assertBetween("intervalMs", intervalMs, 0, LONGEST_MS);
  if (options.maxTasks !== undefined) {
    assertWhole("maxTasks", options.maxTasks, 1, Number.MAX_SAFE_INTEGER);
  }
  assertBetween("shutdownTimeoutMs", shutdownTimeoutMs, 0, LONGEST_MS);
  return {
    ...resolveQueues(options),
    concurrency,
    intervalMs,
    batch,
    maxTasks,
    workerId,
    startupDelay,
    shutdownTimeoutMs,
    retention: retention === undefined ? undefined : resolveRetention(retention),
  };
}

function resolveRetention(options: RetentionOptions): ResolvedRetention {
  assertKnownOptions("retention", options, {
    minAgeMs: 1,
    failedMinAgeMs: 1,
    queueNames: 1,
    batchSize: 1,
    everyMs: 1,
  });
  const { minAgeMs, failedMinAgeMs, queueNames, batchSize, everyMs = 60_000 } = options;
  if (minAgeMs !== undefined) assertAge("retention.minAgeMs", minAgeMs);
  if (failedMinAgeMs !== undefined) assertAge("retention.failedMinAgeMs", failedMinAgeMs);
  for (const name of queueNames ?? []) assertQueueName(name, InvalidOption);
  if (batchSize !== undefined) assertWhole("retention.batchSize", batchSize, 1, 100_000);
  assertWhole("retention.everyMs", everyMs, 100, LONGEST_MS);
  return Object.freeze({ minAgeMs, failedMinAgeMs, queueNames, batchSize, everyMs });
}

function resolveQueues({
  queueNames = [DEFAULT_TASK_QUEUE_NAME],
  excludeQueues = [],
}: WorkerOptions): Pick<ResolvedWorkerOptions, "queueNames" | "excludeQueues"> {
  if (queueNames.length === 0) {
    throw new InvalidOption('queueNames must not be empty. Use ["*"] for all queues.');
  }
  const isAll = queueNames.includes("*");
  if (isAll && queueNames.length > 1) {
    throw new InvalidOption('queueNames must be ["*"] alone, or names without "*".');
  }
  if (!isAll) for (const name of queueNames) assertQueueName(name, InvalidOption);
  if (!isAll && excludeQueues.length > 0) {
    throw new InvalidOption('excludeQueues can only be used with queueNames ["*"].');
  }
  return {
    queueNames: Object.freeze([...new Set(queueNames)]),
    excludeQueues: Object.freeze([...new Set(excludeQueues)]),
  };
}

function defaultWorkerId(): string {
  return `${hostname().slice(0, 24)}-${process.pid}-${createId().slice(-8)}`;
}
