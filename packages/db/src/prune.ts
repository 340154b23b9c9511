import { InvalidTask, type PruneOptions } from "@tasks/core";

import type { FinishedRange } from "./dialect.ts";
import type { Store } from "./store.ts";
import { PHASE } from "./tables.ts";

/** How long finished results are kept when nothing else is said, in milliseconds. */
const DEFAULT_AGE_MS = 14 * 24 * 60 * 60 * 1000;

/**
 * Deletes finished results, oldest first, a batch at a time, so that neither workers nor the event loop wait long for it.
 *
 * @returns how many were deleted, or with `dryRun` would be.
 */
export async function prune(store: Store, options: PruneOptions = {}): Promise<number> {
  const { minAgeMs = DEFAULT_AGE_MS, failedMinAgeMs = minAgeMs, queueNames } = options;
  const { dryRun = false, batchSize = 1000, onProgress, signal } = options;
  assertAge("minAgeMs", minAgeMs);
  assertAge("failedMinAgeMs", failedMinAgeMs);
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 100_000) {
    throw new InvalidTask(
      `batchSize must be a whole number from 1 to 100000, not ${String(batchSize)}.`,
    );
  }
  const { dialect, scope } = store;
  const connection = await store.connection();
  const now = await dialect.now(connection);
  const queues = queueNames === undefined || queueNames.includes("*") ? null : queueNames;
  const ranges: readonly FinishedRange[] = [
    { phase: PHASE.successful, finishedBefore: now - minAgeMs, queueNames: queues },
    { phase: PHASE.failed, finishedBefore: now - failedMinAgeMs, queueNames: queues },
  ];
  let total = 0;
  if (dryRun || onProgress !== undefined) {
    for (const range of ranges) total += await dialect.countFinished(connection, scope, range);
  }
  if (dryRun) return total;
  let deleted = 0;
  for (const range of ranges) {
    for (;;) {
      if (signal?.aborted === true) return deleted;
      const count = await dialect.deleteFinished(connection, scope, range, batchSize);
      deleted += count;
      if (count > 0) onProgress?.(deleted, Math.max(total, deleted));
      if (count < batchSize) break;
      await new Promise(setImmediate);
    }
  }
  return deleted;
}

function assertAge(name: string, ms: number): void {
  if (Number.isFinite(ms) && ms >= 0) return;
  throw new InvalidTask(`${name} must be a number of milliseconds from 0, not ${String(ms)}.`);
}
