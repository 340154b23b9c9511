import assert from "node:assert/strict";

import {
  createId,
  DiscardTask,
  TaskCancelled,
  TaskResultDoesNotExist,
  type TaskResult,
} from "@tasks/core";

import { until, within } from "../internal/deadline.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** A second, as the contract says, and some for a busy machine. */
const REACHES_WITHIN_MS = 1500;

/** Taking a task back. */
export const cancelRequirements: readonly Requirement[] = [
  {
    id: "cancel.ready",
    sentence: "A waiting task is FAILED and cancelled at once; cancel returns true.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      assert.equal(await result.cancel(), true);
      await result.refresh();
      assert.deepEqual([result.status, result.state], ["FAILED", "cancelled"]);
      assert.ok(result.finishedAt instanceof Date);
    },
  },
  {
    id: "cancel.error-of-a-ready",
    sentence:
      "The error of a task cancelled before any attempt is TaskCancelled of attempt 0 and no worker.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await result.cancel();
      const { exceptionClass, attempt, workerId, message } = (await result.refresh()).errors[0]!;
      assert.deepEqual(
        { exceptionClass, attempt, workerId, message },
        {
          exceptionClass: TaskCancelled.name,
          attempt: 0,
          workerId: null,
          message: "Task was cancelled.",
        },
      );
    },
  },
  {
    id: "cancel.snapshot",
    sentence: "cancel() does not change the handle.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await result.cancel();
      assert.equal(result.status, "READY");
    },
  },
  {
    id: "cancel.never-runs",
    sentence: "A task cancelled while it waited never runs.",
    needs: ["cancel", "worker"],
    test: async (t) => {
      let runs = 0;
      const result = await t.task(() => ++runs).enqueue();
      await result.cancel();
      await t.drain();
      assert.equal(runs, 0);
    },
  },
  {
    id: "cancel.before-its-slot",
    sentence: "A task that is cancelled while a busy worker holds it back never runs.",
    needs: ["cancel", "worker", "wait"],
    test: async (t) => {
      const ran: number[] = [];
      const results: TaskResult[] = [];
      const task = t.task(async (n: number) => {
        ran.push(n);
        // By now short tasks have been claimed ahead.
        if (n !== 100) return;
        for (const result of results.slice(101, 106)) await result.cancel();
        await new Promise((resolve) => setTimeout(resolve, REACHES_WITHIN_MS));
      });
      results.push(...(await task.enqueueMany(Array.from({ length: 200 }, (_, n) => [n]))));
      await t.startWorker({ concurrency: 1 });
      await t.wait(results.at(-1)!);
      assert.deepEqual(
        ran.filter((n) => n > 100 && n < 106),
        [],
      );
      for (const result of results.slice(101, 106)) {
        assert.equal((await result.refresh()).state, "cancelled");
      }
    },
  },
  {
    id: "cancel.scheduled",
    sentence: "A task that is not due can be cancelled.",
    needs: ["cancel", "queued", "getResult", "defer"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ runAfter: { hours: 1 } })
        .enqueue();
      assert.equal(await result.cancel(), true);
      assert.equal((await result.refresh()).state, "cancelled");
    },
  },
  {
    id: "cancel.between-attempts",
    sentence: "A task that waits for its next attempt can be cancelled; its history stays.",
    needs: ["cancel", "worker", "getResult", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const result = await t
        .task({ maxAttempts: 2, backoff }, () => {
          throw new TypeError("first");
        })
        .enqueue();
      await t.drain();
      assert.equal(await result.cancel(), true);
      await result.refresh();
      assert.deepEqual([result.state, result.attempts], ["cancelled", 1]);
      assert.deepEqual(
        result.errors.map(({ exceptionClass }) => exceptionClass),
        ["TypeError", TaskCancelled.name],
      );
    },
  },
  {
    id: "cancel.finished",
    sentence: "Cancelling a finished task returns false and changes nothing.",
    needs: ["cancel", "worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      const before = result.toJSON();
      assert.equal(await result.cancel(), false);
      assert.deepEqual((await result.refresh()).toJSON(), before);
    },
  },
  {
    id: "cancel.twice",
    sentence: "Cancelling twice returns true, then false, and stores one error.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      assert.deepEqual([await result.cancel(), await result.cancel()], [true, false]);
      assert.equal((await result.refresh()).errors.length, 1);
    },
  },
  {
    id: "cancel.missing",
    sentence: "Cancelling nothing is TaskResultDoesNotExist.",
    needs: ["cancel", "getResult"],
    test: async (t) => {
      for (const id of [createId(), "123", "__proto__", "'"]) {
        await assert.rejects(async () => t.backend.cancel(id), {
          name: TaskResultDoesNotExist.name,
        });
      }
    },
  },
  {
    id: "cancel.running",
    sentence: "Cancelling reaches a running task through its signal within a second.",
    needs: ["cancel", "worker", "getResult"],
    test: async (t) => {
      const { result, aborted } = await runUntilAborted(t);
      assert.equal(await result.cancel(), true);
      const reason = await within(REACHES_WITHIN_MS, "The signal fires", aborted.promise);
      assert.ok(TaskCancelled.is(reason), String(reason));
    },
  },
  {
    id: "cancel.running-ends",
    sentence: "A running task that stops when cancelled is FAILED and cancelled.",
    needs: ["cancel", "worker", "wait"],
    test: async (t) => {
      const { result } = await runUntilAborted(t);
      await result.cancel();
      await t.wait(result);
      assert.deepEqual([result.status, result.state, result.attempts], ["FAILED", "cancelled", 1]);
      assert.equal(result.errors.at(-1)!.exceptionClass, TaskCancelled.name);
    },
  },
  {
    id: "cancel.ignored",
    sentence: "A running task that ignores the cancellation is marked when it ends.",
    needs: ["cancel", "worker", "wait"],
    test: async (t) => {
      const started = createDeferred();
      const end = createDeferred();
      const task = t.task(async () => {
        started.resolve();
        await end.promise;
        return "done all the same";
      });
      const result = await task.enqueue();
      await t.startWorker();
      await started.promise;
      assert.equal(await result.cancel(), true);
      assert.equal((await result.refresh()).status, "RUNNING");
      end.resolve();
      await t.wait(result);
      assert.equal(result.state, "cancelled");
    },
  },
  {
    id: "cancel.not-tried-again",
    sentence: "A cancelled attempt is not tried again, also with attempts left.",
    needs: ["cancel", "worker", "wait", "retry"],
    test: async (t) => {
      let runs = 0;
      const started = createDeferred();
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const task = t.contextTask({ maxAttempts: 5, backoff }, async ({ signal }) => {
        runs += 1;
        started.resolve();
        await whenAborted(signal);
        throw new Error("interrupted");
      });
      const result = await task.enqueue();
      await t.startWorker();
      await started.promise;
      await result.cancel();
      await t.wait(result);
      assert.deepEqual([result.state, runs], ["cancelled", 1]);
    },
  },
  {
    id: "cancel.other-handle",
    sentence: "A running task can be cancelled from another process within a second.",
    needs: ["cancel", "worker", "getResult", "secondHandle"],
    test: async (t) => {
      const { result, aborted } = await runUntilAborted(t);
      const elsewhere = await t.open();
      assert.equal(await elsewhere.cancel(result.id), true);
      await within(REACHES_WITHIN_MS, "The signal fires", aborted.promise);
    },
  },
  {
    id: "cancel.others-go-on",
    sentence: "Cancelling one task disturbs no other.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const [first, second] = [await task.enqueue(1), await task.enqueue(2)];
      await first.cancel();
      assert.equal((await second.refresh()).status, "READY");
      if (!t.offers.has("worker")) return;
      await t.finish(second);
      assert.equal(second.returnValue, 2);
    },
  },
  {
    id: "cancel.race",
    sentence:
      "When cancelling and an end of any kind race, result and answers agree: cancelled, or ended and too late.",
    needs: ["cancel", "worker", "wait", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const ends: readonly ((attempt: number) => unknown)[] = [
        () => "done",
        () => {
          throw new DiscardTask("on purpose");
        },
        (attempt) => {
          if (attempt < 3) throw new Error("again");
        },
      ];
      const task = t.contextTask({ maxAttempts: 3, backoff }, ({ attempt }, n: number) =>
        ends[n % ends.length]!(attempt),
      );
      await t.startWorker({ concurrency: 5 });
      const race = async (n: number): Promise<void> => {
        const result = await task.enqueue(n);
        for (let turn = 0; turn < n % 7; turn++) await new Promise(setImmediate);
        const isCancelled = await result.cancel();
        await t.wait(result);
        const ended = n % ends.length === 1 ? "failed" : "successful";
        assert.equal(result.state, isCancelled ? "cancelled" : ended);
        const cancellations = result.errors.filter(
          ({ exceptionClass }) => exceptionClass === TaskCancelled.name,
        );
        assert.equal(cancellations.length, isCancelled ? 1 : 0);
      };
      await Promise.all(Array.from({ length: 45 }, (_, n) => race(n)));
    },
  },
  {
    id: "cancel.race-of-cancels",
    sentence: "Of twenty who cancel one waiting task at once, one is told true.",
    needs: ["cancel", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const answers = await Promise.all(Array.from({ length: 20 }, () => result.cancel()));
      assert.equal(answers.filter(Boolean).length, 1);
      assert.equal((await result.refresh()).errors.length, 1);
    },
  },
];

/** Starts a worker and a task that runs until its signal fires. */
async function runUntilAborted(
  t: Scope,
): Promise<{ readonly result: TaskResult; readonly aborted: Deferred<unknown> }> {
  const started = createDeferred();
  const aborted = createDeferred<unknown>();
  const task = t.contextTask(async ({ signal }) => {
    started.resolve();
    await whenAborted(signal);
    aborted.resolve(signal.reason);
    throw new Error("interrupted");
  });
  const result = await task.enqueue();
  await t.startWorker();
  await started.promise;
  await until("The result is RUNNING", async () => (await result.refresh()).status === "RUNNING");
  return { result, aborted };
}

async function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
