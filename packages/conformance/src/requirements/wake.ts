import assert from "node:assert/strict";

import { SnoozeTask, type TaskResult } from "@tasks/core";

import { within } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import { startIdleWorker } from "../internal/idle-worker.ts";
import { failed, successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Far beyond every limit, in milliseconds: what was not notified is not found by polling either. */
const NO_POLLING_MS = 60_000;
/** How soon an idle worker begins, in milliseconds. */
const SOON_MS = 1000;

/** Idle workers that are notified. */
export const wakeRequirements: readonly Requirement[] = [
  {
    id: "wake.enqueue",
    sentence: "An idle worker that polls once a minute begins a new task within a second.",
    needs: ["wakeUps", "wait"],
    test: async (t) => {
      await idle(t);
      for (let n = 0; n < 3; n++) await soon(t, () => t.task(() => n).enqueue());
    },
  },
  {
    id: "wake.batch",
    sentence: "An idle worker begins the tasks of a new batch within a second.",
    needs: ["wakeUps", "wait"],
    test: async (t) => {
      await idle(t);
      await soon(t, async () => (await t.task((n: number) => n).enqueueMany([[1], [2]])).at(-1)!);
    },
  },
  {
    id: "wake.other-handle",
    sentence: "An idle worker begins a task that another process enqueued within a second.",
    needs: ["wakeUps", "wait", "secondHandle"],
    test: async (t) => {
      await idle(t, await t.open());
      for (let n = 0; n < 3; n++) await soon(t, () => t.task(() => n).enqueue());
    },
  },
  {
    id: "wake.other-queue",
    sentence:
      "A worker of all queues begins a task of a queue that was never used within a second.",
    needs: ["wakeUps", "wait", "queues"],
    test: async (t) => {
      await idle(t);
      for (const queueName of ["new", "newer"]) {
        await soon(t, () =>
          t
            .task(() => null)
            .using({ queueName })
            .enqueue(),
        );
      }
    },
  },
  {
    id: "wake.resume",
    sentence: "After resume() an idle worker begins what waited within a second.",
    needs: ["wakeUps", "wait", "pause"],
    test: async (t) => {
      await t.backend.pause("default");
      const result = await t.task(() => null).enqueue();
      await idle(t);
      await soon(t, async () => {
        await t.backend.resume("default");
        return result;
      });
    },
  },
  {
    id: "wake.due-time",
    sentence: "An idle worker begins a deferred task within a second of its due time.",
    needs: ["wakeUps", "wait", "defer"],
    test: async (t) => {
      const before = t.task(() => null).using({ runAfter: { milliseconds: 300 } });
      const result = await before.enqueue();
      await idle(t);
      await soon(t, () => dueSoon(t, result));
      await soon(t, async () => dueSoon(t, await before.enqueue()));
    },
  },
  {
    id: "wake.retry",
    sentence:
      "An idle worker begins a retry and a snoozed task within a second of their due times.",
    needs: ["wakeUps", "wait", "retry"],
    test: async (t) => {
      await idle(t);
      const backoff = { type: "fixed", delayMs: 300, jitter: 0 } as const;
      for (const error of [new Error("on purpose"), new SnoozeTask({ delayMs: 300 })]) {
        let runs = 0;
        const isTried = createDeferred();
        const task = t.task({ maxAttempts: 2, backoff }, () => {
          runs += 1;
          if (runs > 1) return;
          isTried.resolve();
          throw error;
        });
        await soon(t, async () => {
          const result = await task.enqueue();
          await isTried.promise;
          await t.untilTime(t.backend.now().getTime() + 300);
          return result;
        });
      }
    },
  },
  {
    id: "wake.retry-by-hand",
    sentence: "After retry() an idle worker begins the task within a second.",
    needs: ["wakeUps", "wait", "retry", "cancel"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await result.cancel();
      await idle(t);
      await soon(t, async () => {
        await t.backend.retry(result.id);
        return result;
      });
    },
  },
  {
    id: "wake.release",
    sentence: "An idle worker begins what another one released, or lost, within a second.",
    needs: ["wakeUps", "wait", "workerStore"],
    test: async (t) => {
      const task = t.task(() => null);
      const driver = await StoreDriver.register(t.backend);
      const released = await task.enqueue();
      const claimed = await driver.claimOne();
      const lost = await task.enqueue();
      const leaver = await StoreDriver.register(t.backend);
      await leaver.claimOne();
      await idle(t);
      await soon(t, async () => {
        await driver.complete(claimed, { type: "release" });
        return released;
      });
      await leaver.store.unregister(leaver.session);
      await soon(t, async () => {
        await driver.store.recoverLost(driver.session);
        return lost;
      });
    },
  },
  {
    id: "wake.transaction",
    sentence: "An idle worker begins a task within a second of the commit of its transaction.",
    needs: ["wakeUps", "wait", "transaction", "getResult"],
    test: async (t) => {
      await idle(t);
      await soon(t, async () => {
        const { withTransaction } = t.definition;
        assert.ok(withTransaction, "add withTransaction to the definition of testBackend()");
        const task = t.task(() => null);
        const { id } = await withTransaction(t.backend, (transaction) =>
          task.using({ transaction }).enqueue(),
        );
        return t.backend.getResult(id);
      });
    },
  },
  {
    id: "wake.wait",
    sentence:
      "wait() answers within a second of the end of the task, in this process and in others.",
    needs: ["wait", "workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const handles = [t.backend, ...(t.offers.has("secondHandle") ? [await t.open()] : [])];
      const { id } = await t.task(() => null).enqueue();
      const claimed = await driver.claimOne();
      const waiting = handles.map(async (handle) => t.wait(await handle.getResult(id)));
      // The first looks come in quick succession.
      await t.untilTime(t.backend.now().getTime() + 300);
      await driver.complete(claimed, failed("on purpose"));
      await within(SOON_MS, "wait() answers after the end of the task", Promise.all(waiting));
    },
  },
  {
    id: "wake.change",
    sentence:
      "waitForChange() resolves within a second of the end of the task, in this process and in others.",
    needs: ["resultWakeUps", "wait", "workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const handles = [t.backend, ...(t.offers.has("secondHandle") ? [await t.open()] : [])];
      for (const outcome of [successful(1), failed("on purpose")]) {
        const { id } = await t.task(() => null).enqueue();
        const claimed = await driver.claimOne();
        const over = new AbortController();
        const changed = handles.map((handle) =>
          handle.waitForChange(id, NO_POLLING_MS, over.signal),
        );
        await t.untilTime(t.backend.now().getTime() + 300);
        await driver.complete(claimed, outcome);
        const what = `waitForChange() resolves after ${outcome.type}`;
        await within(SOON_MS, what, Promise.all(changed)).finally(() => over.abort());
      }
    },
  },
];

/** Starts an idle worker of all queues that finds new work by notifications only. */
async function idle(t: Scope, backend = t.backend): Promise<void> {
  await startIdleWorker(t, { queueNames: ["*"], intervalMs: NO_POLLING_MS }, backend);
}

/** A task that `make` makes ready ends soon afterwards. */
async function soon(t: Scope, make: () => Promise<TaskResult>): Promise<void> {
  const result = await make();
  await within(SOON_MS, "An idle worker is notified, and runs the task", t.wait(result));
}

async function dueSoon(t: Scope, result: TaskResult): Promise<TaskResult> {
  await t.untilDue(result);
  return result;
}
