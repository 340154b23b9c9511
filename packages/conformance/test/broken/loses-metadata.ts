import type { Completion, CompletionAnswer, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Does not store what a task changed in its metadata when its attempt ends. */
export class LosesMetadata extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "claim.complete-with-changes",
    "metadata.changed-by-failure",
    "metadata.changed-by-success",
    "metadata.next-attempt",
  ];

  protected override get workerStore(): WorkerStore {
    return new DropsMetadata(this.store);
  }
}

class DropsMetadata extends StoreWrapper {
  override complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return super.complete(
      completions.map((completion) => ({
        ...completion,
        changes: completion.changes && { ...completion.changes, metadata: undefined },
      })),
    );
  }
}
