import { resolvePruneOptions, type PruneOptions } from "@tasks/core";

import type { RedisStore } from "./connection/redis-store.ts";
import { QUEUES } from "./scripts/monitor.ts";
import { COUNT_FINISHED, COUNT_PRUNABLE, PRUNE } from "./scripts/records.ts";

/**
 * Max results of one script, so that no other client waits long. Counting is quicker than deleting.
 */
const MOST_AT_ONCE = 250;
const COUNTED_AT_ONCE = 1000;

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
  // Many queues may have nothing to delete.
  const counts = await store.runInChunks(
    COUNT_FINISHED,
    ranges.map(({ queue, kind, ageMs }) => [queue, kind, ageMs]),
  );
  const filled = ranges.filter((_range, index) => counts[index]! > 0);
  if (dryRun) return countPrunable(store, filled);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const size = Math.min(batchSize, MOST_AT_ONCE);
  let deleted = 0;
  for (const range of filled) {
    let skipped = 0;
    for (;;) {
      if (signal?.aborted === true) return deleted;
      const batch = await pruneBatch(store, range, size, skipped);
      skipped += batch.kept;
      deleted += batch.deleted;
      if (batch.deleted > 0) onProgress?.(deleted, Math.max(total, deleted));
      if (batch.deleted + batch.kept < size) break;
    }
  }
  return deleted;
}

async function countPrunable(store: RedisStore, ranges: readonly Range[]): Promise<number> {
  let total = 0;
  for (const { queue, kind, ageMs } of ranges) {
    for (let skipped = 0, looked = COUNTED_AT_ONCE; looked === COUNTED_AT_ONCE; skipped += looked) {
      const values = [queue, kind, ageMs, COUNTED_AT_ONCE, skipped];
      const [count, seen] = (await store.run(COUNT_PRUNABLE, values)) as [number, number];
      total += count;
      looked = seen;
    }
  }
  return total;
}

/** Deletes at most so many results, the first `skipped` passed over. */
async function pruneBatch(
  store: RedisStore,
  { queue, kind, ageMs }: Range,
  size: number,
  skipped: number,
): Promise<{ readonly deleted: number; readonly kept: number }> {
  const [deleted, kept] = (await store.run(PRUNE, [queue, kind, ageMs, size, skipped])) as [
    number,
    number,
  ];
  return { deleted, kept };
}
