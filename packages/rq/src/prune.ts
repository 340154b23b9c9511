import { resolvePruneOptions, type PruneOptions } from "@tasks/core";

import type { RedisStore } from "./connection/redis-store.ts";
import { QUEUES } from "./scripts/monitor.ts";
import { COUNT_FINISHED, PRUNE } from "./scripts/records.ts";

/** Most results of one script, so that nobody waits long for it. */
const MOST_AT_ONCE = 1000;

/** Finished results of one kind in one queue. */
interface Range {
  readonly queue: string;
  readonly kind: "completed" | "failed";
  readonly ageMs: number;
}

/**
 * Deletes finished results, oldest first, a batch at a time.
 *
 * @returns how many were deleted, or with `dryRun` would be.
 */
export async function prune(store: RedisStore, options?: PruneOptions): Promise<number> {
  const { minAgeMs, failedMinAgeMs, queueNames, ...how } = resolvePruneOptions(options);
  const { dryRun, batchSize, onProgress, signal } = how;
  const all = (await store.run(QUEUES)) as readonly string[];
  const isServed = (queue: string): boolean => queueNames === null || queueNames.includes(queue);
  const ranges = all.filter(isServed).flatMap((queue): readonly Range[] => [
    { queue, kind: "completed", ageMs: minAgeMs },
    { queue, kind: "failed", ageMs: failedMinAgeMs },
  ]);
  let total = 0;
  if (dryRun || onProgress !== undefined) {
    for (const { queue, kind, ageMs } of ranges) {
      total += (await store.run(COUNT_FINISHED, [queue, kind, ageMs])) as number;
    }
  }
  if (dryRun) return total;
  const size = Math.min(batchSize, MOST_AT_ONCE);
  let deleted = 0;
  for (const range of ranges) {
    let skipped = 0;
    for (;;) {
      if (signal?.aborted === true) return deleted;
      const batch = await pruneBatch(store, range, size, skipped);
      skipped += batch.foreign;
      deleted += batch.deleted;
      if (batch.deleted > 0) onProgress?.(deleted, Math.max(total, deleted));
      if (batch.deleted + batch.foreign < size) break;
    }
  }
  return deleted;
}

/** Deletes at most so many results, the first `skipped` passed over; those that BullMQ made are left alone. */
async function pruneBatch(
  store: RedisStore,
  { queue, kind, ageMs }: Range,
  size: number,
  skipped: number,
): Promise<{ readonly deleted: number; readonly foreign: number }> {
  const [deleted, foreign] = (await store.run(PRUNE, [queue, kind, ageMs, size, skipped])) as [
    number,
    number,
  ];
  return { deleted, foreign };
}
