import type { Enqueued, EnqueueRequest } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Declares batches, and stores one by one. */
export class StoresHalfABatch extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "batch.all-or-none",
    "batch.rejecting-duplicates-inside",
  ];

  override async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    const enqueued: Enqueued[] = [];
    for (const request of requests) enqueued.push(await this.enqueue(request));
    return enqueued;
  }
}
