import assert from "node:assert/strict";

import { PayloadTooLarge, RetryTask, SnoozeTask } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** What an attempt leaves behind. */
export const outcomeRequirements: readonly Requirement[] = [
  {
    id: "outcome.success",
    sentence: "A task that returns is SUCCESSFUL, with its return value and one attempt.",
    needs: ["execution"],
    upstream: ["92", "190"],
    test: async (t) => {
      const result = await t.run(
        t.task((a: number, b: number) => a * b),
        6,
        7,
      );
      const { status, state, isFinished, returnValue, attempts, errors } = result;
      assert.deepEqual(
        { status, state, isFinished, returnValue, attempts, errors },
        {
          status: "SUCCESSFUL",
          state: "successful",
          isFinished: true,
          returnValue: 42,
          attempts: 1,
          errors: [],
        },
      );
    },
  },
  {
    id: "outcome.times",
    sentence: "A finished result was enqueued, started and finished in this order.",
    needs: ["execution"],
    upstream: ["88", "190", "255"],
    test: async (t) => {
      const { enqueuedAt, startedAt, lastAttemptedAt, finishedAt } = await t.run(
        t.task(() => null),
      );
      assert.ok(startedAt !== null && finishedAt !== null);
      assert.ok(enqueuedAt <= startedAt, "enqueued before started");
      assert.ok(startedAt <= finishedAt, "started before finished");
      assert.equal(lastAttemptedAt?.getTime(), startedAt.getTime());
    },
  },
  {
    id: "outcome.null",
    sentence: "A task that returns null is SUCCESSFUL, and reading null does not throw.",
    needs: ["execution"],
    upstream: ["R1"],
    test: async (t) => assert.equal((await t.run(t.task(() => null))).returnValue, null),
  },
  {
    id: "outcome.undefined",
    sentence: "undefined is stored as null.",
    needs: ["execution"],
    test: async (t) => assert.equal((await t.run(t.task(() => undefined))).returnValue, null),
  },
  {
    id: "outcome.return-value-is-normalised",
    sentence: "Return values are normalised as arguments are.",
    needs: ["execution"],
    upstream: ["131", "R6"],
    test: async (t) => {
      const value = { text: "é", list: [1.5, -0, false, null], none: undefined, n: { e: {} } };
      const result = await t.run(
        t.task(() => ({ ...value, bytes: new TextEncoder().encode("ü") }) as never),
      );
      assert.deepEqual(result.returnValue, {
        text: "é",
        list: [1.5, 0, false, null],
        n: { e: {} },
        bytes: "ü",
      });
    },
  },
  {
    id: "outcome.return-value-not-json",
    sentence:
      "A return value that is not JSON fails the task with a TypeError that names the path.",
    needs: ["execution"],
    upstream: ["91", "200", "257"],
    test: async (t) => {
      const values = [() => 1, new Date(), { a: [1n] }, new Set(), Number.NaN, "\u0000"];
      for (const value of values) {
        const result = await t.run(t.task(() => value));
        assert.equal(result.status, "FAILED");
        assert.equal(result.errors[0]!.exceptionClass, "TypeError");
        assert.match(result.errors[0]!.message, /Unsupported type at return value/);
      }
    },
  },
  {
    id: "outcome.return-value-too-large",
    sentence: "A return value above maxPayloadBytes fails the task with PayloadTooLarge.",
    needs: ["execution"],
    test: async (t) => {
      const result = await t.run(t.task(() => "x".repeat(t.supports.maxPayloadBytes)));
      assert.equal(result.status, "FAILED");
      assert.equal(result.errors[0]!.exceptionClass, PayloadTooLarge.name);
    },
  },
  {
    id: "outcome.snooze",
    sentence: "SnoozeTask runs the task again later and leaves no attempt and no error behind.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      let runs = 0;
      const task = t.contextTask(() => {
        runs += 1;
        if (runs === 1) throw new SnoozeTask({ delayMs: 0 });
      });
      const result = await t.run(task);
      assert.equal(runs, 2);
      assert.deepEqual([result.status, result.attempts, result.errors], ["SUCCESSFUL", 1, []]);
    },
  },
  {
    id: "outcome.snooze-allowance",
    sentence: "A snooze counts toward neither maxAttempts nor maxLost.",
    needs: ["worker", "getResult", "retry"],
    test: async (t) => {
      let runs = 0;
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const task = t.task({ maxAttempts: 2, maxLost: 1, backoff }, () => {
        runs += 1;
        if (runs <= 3) throw new SnoozeTask({ delayMs: 0 });
        if (runs === 4) throw new Error("on purpose");
      });
      const result = await t.run(task);
      const { status, attempts, errors } = result;
      assert.deepEqual([runs, status, attempts, errors.length], [5, "SUCCESSFUL", 2, 1]);
      const record = await t.backend.readRecord(result.id);
      assert.deepEqual([record!.failures, record!.lost], [1, 0], "failures and losses counted");
    },
  },
  {
    id: "outcome.snooze-later-attempt",
    sentence: "A snooze of a later attempt leaves the first start and the history as they were.",
    needs: ["worker", "getResult", "retry"],
    test: async (t) => {
      let runs = 0;
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const task = t.task({ maxAttempts: 2, backoff }, () => {
        runs += 1;
        if (runs === 1) throw new Error("on purpose");
        throw new SnoozeTask({ delayMs: 3_600_000 });
      });
      const result = await task.enqueue();
      await until("The second attempt is snoozed", async () => {
        await t.drain();
        return runs === 2;
      });
      const { status, state, attempts, errors, startedAt } = await result.refresh();
      assert.deepEqual([status, state, attempts, errors.length], ["READY", "retrying", 1, 1]);
      assert.ok(startedAt instanceof Date, "startedAt is still the first attempt's");
    },
  },
  {
    id: "outcome.snooze-delay",
    sentence: "A snoozed task is READY and scheduled until its delay is over.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const result = await t
        .task(() => {
          throw new SnoozeTask({ delayMs: 3_600_000 });
        })
        .enqueue();
      await t.drain();
      await result.refresh();
      assert.deepEqual([result.status, result.state, result.attempts], ["READY", "scheduled", 0]);
      assert.equal(result.startedAt, null);
      const delayMs = result.runAfter!.getTime() - t.backend.now().getTime();
      assert.ok(delayMs > 3_500_000 && delayMs <= 3_601_000, `${delayMs} ms`);
    },
  },
  {
    id: "outcome.retry-task",
    sentence: "RetryTask fails the attempt and waits as long as it says.",
    needs: ["worker", "getResult", "retry"],
    test: async (t) => {
      const result = await t
        .task({ maxAttempts: 2 }, () => {
          throw new RetryTask({ delayMs: 3_600_000 });
        })
        .enqueue();
      await t.drain();
      await result.refresh();
      assert.deepEqual([result.status, result.state, result.attempts], ["READY", "retrying", 1]);
      assert.equal(result.errors[0]!.exceptionClass, "RetryTask");
      assert.ok(result.runAfter!.getTime() - t.backend.now().getTime() > 3_500_000);
    },
  },
  {
    id: "outcome.running",
    sentence: "While a task runs its result is RUNNING, with its worker and start.",
    needs: ["worker", "getResult"],
    upstream: ["221"],
    test: async (t) => {
      const started = createDeferred();
      const go = createDeferred();
      const task = t.task(async () => {
        started.resolve();
        await go.promise;
      });
      const result = await task.enqueue();
      await t.startWorker({ workerId: "the-worker" });
      await started.promise;
      await result.refresh();
      go.resolve();
      const { status, state, isFinished, attempts, workerIds, finishedAt } = result;
      assert.deepEqual(
        { status, state, isFinished, attempts, workerIds, finishedAt },
        {
          status: "RUNNING",
          state: "running",
          isFinished: false,
          attempts: 1,
          workerIds: ["the-worker"],
          finishedAt: null,
        },
      );
      assert.ok(result.startedAt instanceof Date);
      assert.throws(() => result.returnValue as unknown, { message: "Task has not finished yet" });
    },
  },
  {
    id: "outcome.stays",
    sentence: "A finished result stays as it is, however often workers look.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      let runs = 0;
      const result = await t.run(t.task(() => ++runs));
      const before = result.toJSON();
      await t.drain();
      await result.refresh();
      assert.deepEqual(result.toJSON(), before);
      assert.equal(runs, 1);
    },
  },
];
