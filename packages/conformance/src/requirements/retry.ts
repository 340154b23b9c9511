import assert from "node:assert/strict";

import { TaskResultDoesNotExist, createId, type TaskOptions } from "@tasks/core";

import { loseAttempt } from "../internal/lose-attempt.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";

const AT_ONCE = { type: "fixed", delayMs: 0, jitter: 0 } as const;
const thrice: TaskOptions = { maxAttempts: 3, backoff: AT_ONCE };

function fail(text: string): never {
  throw new Error(text);
}

/** Trying again. */
export const retryRequirements: readonly Requirement[] = [
  {
    id: "retry.long-history",
    sentence:
      "A result keeps its first and its latest errors and workers, and counts all: attempts that fail for long leave a record that does not grow.",
    needs: ["workerStore", "getResult"],
    timeoutMs: 60_000,
    test: async (t) => {
      const attempts = 60;
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => null).enqueue();
      let size = 0;
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const claimed = await driver.claimOne();
        assert.deepEqual([claimed.attempt, claimed.record().attempts], [attempt, attempt]);
        const text = `no ${attempt} ${"x".repeat(5000)}`;
        const error = {
          exceptionClass: "Error",
          message: text,
          traceback: text,
          attempt,
          workerId: "by-hand",
          occurredAt: new Date(),
        };
        const answer = await driver.complete(claimed, { type: "retry", error, delayMs: 0 });
        assert.equal(answer, "recorded");
        if (attempt === attempts / 2) size = JSON.stringify(await result.refresh()).length;
      }
      await result.refresh();
      const { errors, errorsOmitted, workerIds } = result;
      assert.equal(result.attempts, attempts);
      assert.equal(errors[0]?.attempt, 1, "the first error");
      assert.equal(errors[1]?.attempt, errorsOmitted + 2, "the errors left out are counted");
      assert.equal(errors.at(-1)?.attempt, attempts, "the latest error");
      assert.equal(errors.length + errorsOmitted, attempts);
      assert.ok(workerIds.length < attempts, `${workerIds.length} workers are listed`);
      assert.ok(JSON.stringify(result).length < size * 1.2, "the record does not grow");
    },
  },
  {
    id: "retry.until-success",
    sentence: "A task that fails is tried again until it succeeds.",
    needs: ["retry", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(thrice, ({ attempt }) => (attempt < 3 ? fail(`no ${attempt}`) : "done")),
      );
      assert.deepEqual(
        [result.status, result.returnValue, result.attempts],
        ["SUCCESSFUL", "done", 3],
      );
    },
  },
  {
    id: "retry.exhausted",
    sentence: "After maxAttempts failures a task is FAILED and not tried again.",
    needs: ["retry", "execution"],
    test: async (t) => {
      let runs = 0;
      const result = await t.run(t.task(thrice, () => fail(`no ${++runs}`)));
      await t.drain();
      assert.deepEqual([result.status, result.attempts, runs], ["FAILED", 3, 3]);
    },
  },
  {
    id: "retry.history",
    sentence:
      "Every failed attempt leaves its error, with its number and worker, also behind a success.",
    needs: ["retry", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(thrice, ({ attempt }) => (attempt < 3 ? fail(`no ${attempt}`) : null)),
      );
      assert.deepEqual(
        result.errors.map(({ message, attempt, workerId }) => ({ message, attempt, workerId })),
        [
          { message: "no 1", attempt: 1, workerId: result.workerIds[0] },
          { message: "no 2", attempt: 2, workerId: result.workerIds[1] },
        ],
      );
      assert.equal(result.workerIds.length, 3);
    },
  },
  {
    id: "retry.numbers",
    sentence: "Attempts are numbered 1, 2, 3.",
    needs: ["retry", "execution"],
    test: async (t) => {
      const seen: number[] = [];
      await t.run(
        t.contextTask(thrice, ({ attempt }) => {
          seen.push(attempt);
          fail("again");
        }),
      );
      assert.deepEqual(seen, [1, 2, 3]);
    },
  },
  {
    id: "retry.times",
    sentence: "startedAt stays with the first attempt, lastAttemptedAt moves to the latest.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      const delayMs = Math.max(60, 2 * t.supports.timeResolutionMs);
      const starts: number[] = [];
      const task = t.task({ maxAttempts: 3, backoff: { ...AT_ONCE, delayMs } }, () => {
        starts.push(t.backend.now().getTime());
        return fail("again");
      });
      const result = await task.enqueue();
      await t.finish(result);
      const startedMs = result.startedAt!.getTime();
      const lastMs = result.lastAttemptedAt!.getTime();
      const [first, second, last] = starts as [number, number, number];
      assert.ok(startedMs <= first, `startedAt ${startedMs}, the first attempt ${first}`);
      assert.ok(
        lastMs > second && lastMs <= last,
        `lastAttemptedAt ${lastMs}, the latest attempts ${second} and ${last}`,
      );
      assert.ok(lastMs <= result.finishedAt!.getTime());
    },
  },
  {
    id: "retry.waits",
    sentence: "Between two attempts the task is READY, retrying, and due after the backoff.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      // Not a whole number of seconds, so that rounding to seconds changes it.
      const backoff = { ...AT_ONCE, delayMs: 1_800_001 };
      const result = await t.task({ maxAttempts: 2, backoff }, () => fail("later")).enqueue();
      const drainedFromMs = performance.now();
      await t.drain();
      const drainMs = performance.now() - drainedFromMs;
      await result.refresh();
      const { status, state, attempts, finishedAt, isFinished } = result;
      assert.deepEqual(
        { status, state, attempts, finishedAt, isFinished },
        {
          status: "READY",
          state: "retrying",
          attempts: 1,
          finishedAt: null,
          isFinished: false,
        },
      );
      const delayMs = result.runAfter!.getTime() - result.lastAttemptedAt!.getTime();
      // The delay begins at the end of the attempt, which ran during the drain.
      const latestMs = 1_800_101 + drainMs + 2 * t.supports.timeResolutionMs;
      assert.ok(delayMs >= 1_799_000 && delayMs <= latestMs, `${delayMs} ms, at most ${latestMs}`);
    },
  },
  {
    id: "retry.backoff-function",
    sentence: "A backoff function sees the error and the result, and decides the wait.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      const seen: unknown[] = [];
      const task = t.task(
        {
          maxAttempts: 2,
          backoff: (error, result) => {
            seen.push((error as Error).message, result.id);
            return 7_200_000;
          },
        },
        () => fail("later"),
      );
      const result = await task.enqueue();
      await t.drain();
      await result.refresh();
      assert.deepEqual(seen, ["later", result.id]);
      assert.ok(result.runAfter!.getTime() - t.backend.now().getTime() > 7_000_000);
    },
  },
  {
    id: "retry.backoff-null",
    sentence: "A backoff of null means: do not try again.",
    needs: ["retry", "execution"],
    test: async (t) => {
      const result = await t.run(t.task({ maxAttempts: 5, backoff: () => null }, () => fail("no")));
      assert.deepEqual([result.status, result.attempts], ["FAILED", 1]);
    },
  },
  {
    id: "retry.others-go-first",
    sentence: "A task that waits for its next attempt delays no other task.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      const backoff = { ...AT_ONCE, delayMs: 3_600_000 };
      await t.task({ maxAttempts: 2, backoff }, () => fail("later")).enqueue();
      const result = await t.task(() => 1).enqueue();
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "retry.by-hand",
    sentence: "retry() makes a FAILED result READY again and returns true; it then runs.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      let broken = true;
      const task = t.task(() => (broken ? fail("broken") : "repaired"));
      const result = await t.run(task);
      assert.equal(await t.backend.retry(result.id), true);
      await result.refresh();
      const { status, finishedAt, isFinished } = result;
      assert.deepEqual(
        { status, finishedAt, isFinished },
        { status: "READY", finishedAt: null, isFinished: false },
      );
      broken = false;
      await t.finish(result);
      assert.deepEqual([result.status, result.returnValue], ["SUCCESSFUL", "repaired"]);
    },
  },
  {
    id: "retry.by-hand-keeps-history",
    sentence: "After retry() errors and worker ids of the past stay, and attempts are counted on.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.contextTask(({ attempt }) => {
        seen.push(attempt);
        fail(`no ${attempt}`);
      });
      const result = await t.run(task);
      await t.backend.retry(result.id);
      await t.finish(await result.refresh());
      assert.deepEqual(seen, [1, 2]);
      assert.deepEqual(
        result.errors.map(({ message }) => message),
        ["no 1", "no 2"],
      );
      assert.equal(result.attempts, 2);
    },
  },
  {
    id: "retry.by-hand-new-allowance",
    sentence: "retry() gives all of maxAttempts anew.",
    needs: ["retry", "worker", "getResult"],
    test: async (t) => {
      let runs = 0;
      const result = await t.run(
        t.task({ maxAttempts: 2, backoff: AT_ONCE }, () => fail(`${++runs}`)),
      );
      await t.backend.retry(result.id);
      await t.finish(await result.refresh());
      assert.deepEqual([runs, result.attempts, result.status], [4, 4, "FAILED"]);
    },
  },
  {
    id: "retry.by-hand-new-losses",
    sentence: "retry() gives all of maxLost anew, and nothing is left of the losses before.",
    needs: ["retry", "workerStore", "getResult"],
    test: async (t) => {
      const { id } = await t.task({ maxLost: 1 }, () => null).enqueue();
      await loseAttempt(t);
      await loseAttempt(t);
      assert.equal((await t.backend.getResult(id)).state, "lost");
      assert.equal(await t.backend.retry(id), true);
      const { failures, lost, cancelRequested } = (await t.backend.readRecord(id))!;
      assert.deepEqual([failures, lost, cancelRequested], [0, 0, false]);
      await loseAttempt(t);
      assert.equal((await t.backend.getResult(id)).status, "READY");
    },
  },
  {
    id: "retry.by-hand-due-at-once",
    sentence: "After retry() a task that was due later is due at once.",
    needs: ["retry", "queued", "getResult", "cancel", "defer"],
    test: async (t) => {
      const task = t.task(() => 1).using({ runAfter: { hours: 1 } });
      const result = await task.enqueue();
      await result.cancel();
      await t.backend.retry(result.id);
      const { status, state, runAfter } = await result.refresh();
      assert.deepEqual([status, state, runAfter], ["READY", "ready", null]);
      if (!t.offers.has("worker")) return;
      await t.drain();
      assert.equal((await result.refresh()).returnValue, 1);
    },
  },
  {
    id: "retry.by-hand-of-others",
    sentence: "retry() of a result that is not FAILED changes nothing and returns false.",
    needs: ["retry", "queued", "getResult"],
    test: async (t) => {
      const ready = await t.task(() => null).enqueue();
      assert.equal(await t.backend.retry(ready.id), false);
      assert.equal((await ready.refresh()).status, "READY");
      if (!t.offers.has("worker")) return;
      await t.finish(ready);
      assert.equal(await t.backend.retry(ready.id), false);
      assert.equal((await ready.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "retry.by-hand-of-a-cancelled",
    sentence: "A cancelled result can be retried, and is not cancelled again.",
    needs: ["retry", "worker", "getResult", "cancel"],
    test: async (t) => {
      const result = await t.task(() => 1).enqueue();
      await result.cancel();
      assert.equal(await t.backend.retry(result.id), true);
      await t.finish(await result.refresh());
      assert.deepEqual([result.status, result.returnValue], ["SUCCESSFUL", 1]);
    },
  },
  {
    id: "retry.by-hand-missing",
    sentence: "retry() of nothing is TaskResultDoesNotExist.",
    needs: ["retry", "getResult"],
    test: async (t) => {
      await assert.rejects(async () => t.backend.retry(createId()), {
        name: TaskResultDoesNotExist.name,
      });
    },
  },
];
