import {
  transitions,
  type AttemptUpdate,
  type Completion,
  type CompletionAnswer,
  type WorkerStore,
} from "@tasks/core/worker";

import { BrokenBackend, StoreWrapper } from "./broken-backend.ts";

/** Believes every worker that says it ran a task. */
export class HasNoFence extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "claim.answers-in-order",
    "claim.complete-other-session",
    "claim.complete-repeated",
    "claim.complete-twice",
    "claim.complete-two-attempts",
    "recovery.after-sign-off",
    "recovery.fenced-after-the-end",
    "recovery.fenced-by-the-next",
    "recovery.fenced-completion",
    "recovery.fenced-own-retry",
    "recovery.fenced-update",
  ];

  protected override get workerStore(): WorkerStore {
    const { store } = this;
    const now = (): Date => this.now();
    return new (class extends StoreWrapper {
      override async complete(
        completions: readonly Completion[],
      ): Promise<readonly CompletionAnswer[]> {
        return completions.map((completion) => {
          const entry = store.entries.get(completion.id);
          if (entry === undefined) return "lost";
          const { record, answer } = transitions.settle(entry.record, completion, now());
          store.write(entry, record);
          return answer;
        });
      }

      override async update(updates: readonly AttemptUpdate[]): Promise<void> {
        for (const update of updates) {
          const entry = store.entries.get(update.id);
          if (entry !== undefined) entry.record = transitions.applyChanges(entry.record, update);
        }
      }
    })(store);
  }
}
