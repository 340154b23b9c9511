import assert from "node:assert/strict";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** How far a task is. */
export const progressRequirements: readonly Requirement[] = [
  {
    id: "progress.visible-while-running",
    sentence: "When setProgress resolves, other handles can read the progress.",
    needs: ["progress", "worker", "getResult"],
    test: async (t) => {
      const stored = createDeferred();
      const go = createDeferred();
      const task = t.contextTask(async (context) => {
        await context.setProgress({ done: 1, of: 2 });
        stored.resolve();
        await go.promise;
      });
      const result = await task.enqueue();
      await t.startWorker();
      await stored.promise;
      await result.refresh();
      go.resolve();
      assert.deepEqual([result.status, result.progress], ["RUNNING", { done: 1, of: 2 }]);
    },
  },
  {
    id: "progress.last-one-stays",
    sentence: "The last progress stays with a successful result.",
    needs: ["progress", "execution"],
    test: async (t) => {
      const task = t.contextTask(async (context) => {
        await context.setProgress(0.5);
        await context.setProgress(1);
      });
      assert.equal((await t.run(task)).progress, 1);
    },
  },
  {
    id: "progress.stays-on-failure",
    sentence: "The last progress stays with a failed result.",
    needs: ["progress", "execution"],
    test: async (t) => {
      const task = t.contextTask(async (context) => {
        await context.setProgress("half");
        throw new Error("then");
      });
      assert.equal((await t.run(task)).progress, "half");
    },
  },
  {
    id: "progress.can-be-cleared",
    sentence: "Progress can be set back to null.",
    needs: ["progress", "execution"],
    test: async (t) => {
      const task = t.contextTask(async (context) => {
        await context.setProgress(1);
        await context.setProgress(null);
      });
      assert.equal((await t.run(task)).progress, null);
    },
  },
  {
    id: "progress.not-json",
    sentence: "Progress that is not JSON is a TypeError inside the task.",
    needs: ["progress", "execution"],
    test: async (t) => {
      const result = await t.run(t.contextTask((context) => context.setProgress(new Map())));
      assert.deepEqual([result.status, result.progress], ["FAILED", null]);
      assert.equal(result.errors[0]!.exceptionClass, "TypeError");
    },
  },
  {
    id: "progress.next-attempt",
    sentence: "The progress of a failed attempt stays until the next one sets its own.",
    needs: ["progress", "execution", "retry"],
    test: async (t) => {
      const task = t.contextTask(
        { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        async (context) => {
          if (context.attempt > 1) return context.taskResult.progress;
          await context.setProgress(0.3);
          throw new Error("again");
        },
      );
      assert.equal((await t.run(task)).returnValue, 0.3);
    },
  },
];
