import type { ClaimedTask, ClaimRequest, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Serves the queues that it was told to leave out. */
export class ServesExcludedQueues extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "worker-queues.excluded",
    "worker-queues.excluded-some",
  ];

  protected override get workerStore(): WorkerStore {
    return new ExcludesNothing(this.store);
  }
}

class ExcludesNothing extends StoreWrapper {
  override claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    return super.claim({ ...request, excludeQueues: [] });
  }
}
