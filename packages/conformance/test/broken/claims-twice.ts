import { setImmediate as nextTurn } from "node:timers/promises";

import type { ClaimedTask, ClaimRequest, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Claims by looking first and taking afterwards: who looks at the same time takes the same. */
export class ClaimsTwice extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "claim.exactly-once",
    "claim.one-of-50",
    "run-task.race",
    "worker.exactly-once",
    "worker.exactly-once-while-enqueueing",
  ];

  readonly #store = new LooksFirst(this.store);

  protected override get workerStore(): WorkerStore {
    return this.#store;
  }
}

class LooksFirst extends StoreWrapper {
  #looking: Promise<readonly ClaimedTask[]> | undefined;

  override async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    this.#looking ??= this.#look(request);
    return this.#looking;
  }

  async #look(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    await nextTurn();
    this.#looking = undefined;
    return super.claim(request);
  }
}
