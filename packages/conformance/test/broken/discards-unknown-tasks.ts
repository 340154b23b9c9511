import type { ClaimedTask, ClaimRequest, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Claims tasks that its process does not know, which then fail. */
export class DiscardsUnknownTasks extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "claim.by-id",
    "claim.known-tasks-only",
    "run-task.unknown-task",
    "unknown-task.hostile-names",
    "unknown-task.left-alone",
    "unknown-task.runs-where-known",
  ];

  protected override get workerStore(): WorkerStore {
    const { store } = this;
    return new (class extends StoreWrapper {
      override claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
        const names = [...store.entries.values()].map(({ record }) => record.taskName);
        return super.claim({ ...request, taskNames: names });
      }
    })(store);
  }
}
