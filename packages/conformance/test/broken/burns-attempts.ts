import type { Completion, CompletionAnswer, WorkerStore } from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Counts an attempt that was released at shutdown. */
export class BurnsAttempts extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "claim.given-back-later",
    "claim.release",
    "shutdown.deadline-releases",
    "shutdown.deadline-releases-deaf-tasks",
    "shutdown.deadline-runs-elsewhere",
    "shutdown.gives-back",
  ];
  // On a busy machine the worker may have claimed nothing ahead when it is stopped.
  static readonly mayPass: readonly string[] = ["shutdown.gives-back"];

  protected override get workerStore(): WorkerStore {
    const { store } = this;
    return new (class extends StoreWrapper {
      override async complete(
        completions: readonly Completion[],
      ): Promise<readonly CompletionAnswer[]> {
        const before = completions.map(({ id }) => store.entries.get(id)?.record);
        const answers = await super.complete(completions);
        for (const [index, { id, outcome }] of completions.entries()) {
          const entry = store.entries.get(id);
          const claimed = before[index];
          if (outcome.type !== "release" || entry === undefined || claimed === undefined) continue;
          const { attempts, workerIds } = claimed;
          entry.record = { ...entry.record, attempts, workerIds };
        }
        return answers;
      }
    })(store);
  }
}
