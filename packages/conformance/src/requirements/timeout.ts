import assert from "node:assert/strict";

import { TaskTimeout } from "@tasks/core";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** Attempts that take too long. */
export const timeoutRequirements: readonly Requirement[] = [
  {
    id: "timeout.fails",
    sentence: "An attempt that runs into its timeout fails with TaskTimeout.",
    needs: ["timeout", "execution"],
    test: async (t) => {
      const task = t.contextTask({ timeoutMs: 20 }, async ({ signal }) => aborted(signal));
      const result = await t.run(task);
      assert.deepEqual([result.status, result.state], ["FAILED", "failed"]);
      assert.equal(result.errors[0]!.exceptionClass, TaskTimeout.name);
    },
  },
  {
    id: "timeout.signal",
    sentence: "The attempt's signal fires with a TaskTimeout as its reason.",
    needs: ["timeout", "execution"],
    test: async (t) => {
      const reason = createDeferred<unknown>();
      const task = t.contextTask({ timeoutMs: 20 }, async ({ signal }) => {
        await aborted(signal).catch((error: unknown) => reason.resolve(error));
      });
      await t.run(task);
      assert.ok(TaskTimeout.is(await reason.promise));
    },
  },
  {
    id: "timeout.deaf-task",
    sentence: "A task that does not listen to its signal fails all the same.",
    needs: ["timeout", "execution"],
    test: async (t) => {
      const end = createDeferred();
      const result = await t.run(t.task({ timeoutMs: 20 }, () => end.promise));
      end.resolve();
      assert.equal(result.status, "FAILED");
      assert.equal(result.errors[0]!.exceptionClass, TaskTimeout.name);
    },
  },
  {
    id: "timeout.in-time",
    sentence: "A task that ends in time is not disturbed.",
    needs: ["timeout", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask({ timeoutMs: 60_000 }, ({ signal }) => signal.aborted),
      );
      assert.equal(result.returnValue, false);
    },
  },
  {
    id: "timeout.is-tried-again",
    sentence: "A timed out attempt counts as a failure and is tried again.",
    needs: ["timeout", "execution", "retry"],
    test: async (t) => {
      const task = t.contextTask(
        { timeoutMs: 20, maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        async ({ attempt, signal }) => (attempt === 1 ? aborted(signal) : "in time"),
      );
      const result = await t.run(task);
      assert.deepEqual([result.returnValue, result.attempts], ["in time", 2]);
      assert.equal(result.errors[0]!.exceptionClass, TaskTimeout.name);
    },
  },
];

/** Rejects with the signal's reason when it fires. */
async function aborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
