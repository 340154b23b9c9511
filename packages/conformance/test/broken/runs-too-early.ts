import type { ClaimedTask, ClaimRequest, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Keeps the due times of new tasks and does not wait for them. */
export class RunsTooEarly extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "defer.left-alone",
    "defer.left-alone-absolute",
    "defer.runs-when-due",
    "pause.of-tasks-that-fall-due",
    "claim.complete-with-changes",
    "pause.among-many-queues",
  ];
  readonly #seen = new Set<string>();

  protected override get workerStore(): WorkerStore {
    const { store } = this;
    const seen = this.#seen;
    return new (class extends StoreWrapper {
      override async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
        const claimed = [...(await super.claim(request))];
        for (const { record } of store.entries.values()) {
          const isNew = record.workerIds.length === 0 && !seen.has(record.id);
          if (record.status !== "READY" || !isNew) continue;
          if (record.runAfter === null || claimed.length >= request.limit) continue;
          seen.add(record.id);
          claimed.push(...(await super.claim({ ...request, id: record.id })));
        }
        return claimed;
      }
    })(store);
  }
}
