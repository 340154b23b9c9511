import { setImmediate } from "node:timers";

import { resolvePruneOptions, type PruneOptions } from "@tasks/core";

import type { FinishedRange } from "./dialect.ts";
import type { Store } from "./store.ts";
import { PHASE } from "./tables.ts";

/**
 * Deletes finished results, oldest first, a batch at a time, so that neither workers nor the event loop wait long for it.
 *
 * @returns how many were deleted, or with `dryRun` would be.
 */
export async function prune(store: Store, options?: PruneOptions): Promise<number> {
  const { minAgeMs, failedMinAgeMs, queueNames, ...how } = resolvePruneOptions(options);
  const { dryRun, batchSize, onProgress, signal } = how;
  const connection = await store.connection();
  const { dialect, scope } = store;
  const now = await dialect.now(connection);
  const ranges: readonly FinishedRange[] = [
    { phase: PHASE.successful, finishedBefore: now - minAgeMs, queueNames },
    { phase: PHASE.failed, finishedBefore: now - failedMinAgeMs, queueNames },
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
