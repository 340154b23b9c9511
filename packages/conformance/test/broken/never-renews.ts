import type { WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Lets every lease run out, however often it is renewed. */
export class NeverRenews extends BrokenBackend {
  static readonly fails: readonly string[] = ["monitor.workers-alive", "recovery.renewed"];

  protected override get workerStore(): WorkerStore {
    return new KeepsNoLease(this.store);
  }
}

class KeepsNoLease extends StoreWrapper {
  override async renewLease(): Promise<void> {}
}
