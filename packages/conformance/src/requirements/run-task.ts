import assert from "node:assert/strict";

import { createId, TaskCancelled, TaskResultDoesNotExist, type TaskResult } from "@tasks/core";

import { within } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** Running one result here and now. */
export const runTaskRequirements: readonly Requirement[] = [
  {
    id: "run-task.runs",
    sentence: "runTask() runs one READY result and resolves with it, finished.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const { id } = await t.task((n: number) => n * 2).enqueue(21);
      const result = await t.backend.runTask(id);
      const { status, returnValue, attempts, workerIds } = result;
      assert.deepEqual([result.id, status, returnValue, attempts], [id, "SUCCESSFUL", 42, 1]);
      assert.equal(workerIds.length, 1);
      assert.equal((await t.backend.getResult(id)).status, "SUCCESSFUL");
    },
  },
  {
    id: "run-task.failing",
    sentence: "runTask() resolves with the FAILED result when the task throws.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const task = t.task(() => {
        throw new TypeError("on purpose");
      });
      const result = await t.backend.runTask((await task.enqueue()).id);
      assert.deepEqual([result.status, result.errors[0]!.message], ["FAILED", "on purpose"]);
    },
  },
  {
    id: "run-task.before-due",
    sentence: "runTask() runs a result that is not due.",
    needs: ["worker", "getResult", "defer"],
    test: async (t) => {
      const { id } = await t
        .task(() => 1)
        .using({ runAfter: { hours: 1 } })
        .enqueue();
      assert.equal((await t.backend.runTask(id)).status, "SUCCESSFUL");
    },
  },
  {
    id: "run-task.any-queue",
    sentence: "runTask() runs a result of any queue.",
    needs: ["worker", "getResult", "queues"],
    test: async (t) => {
      const { id } = await t
        .task(() => 1)
        .using({ queueName: "other" })
        .enqueue();
      assert.equal((await t.backend.runTask(id)).status, "SUCCESSFUL");
    },
  },
  {
    id: "run-task.only-this",
    sentence: "runTask() leaves other results alone.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const first = await task.enqueue(1);
      const second = await task.enqueue(2);
      await t.backend.runTask(second.id);
      assert.equal((await first.refresh()).status, "READY");
    },
  },
  {
    id: "run-task.missing",
    sentence: "runTask() of nothing is TaskResultDoesNotExist.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      for (const id of [createId(), "123", "'"]) {
        await assert.rejects(async () => t.backend.runTask(id), {
          name: TaskResultDoesNotExist.name,
        });
      }
    },
  },
  {
    id: "run-task.finished",
    sentence: "runTask() of a finished result is refused and changes nothing.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      const before = result.toJSON();
      await assert.rejects(async () => t.backend.runTask(result.id), /SUCCESSFUL/);
      assert.deepEqual((await result.refresh()).toJSON(), before);
    },
  },
  {
    id: "run-task.running",
    sentence: "runTask() of a running result is refused.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const started = createDeferred();
      const end = createDeferred();
      const task = t.task(async () => {
        started.resolve();
        await end.promise;
      });
      const { id } = await task.enqueue();
      await t.startWorker();
      await started.promise;
      await assert.rejects(async () => t.backend.runTask(id), /RUNNING/);
      end.resolve();
    },
  },
  {
    id: "run-task.unknown-task",
    sentence:
      "runTask() of a task this process does not know is refused, and the result stays READY.",
    needs: ["worker", "getResult"],
    upstream: ["158", "159"],
    test: async (t) => {
      const { record } = await t.backend.enqueue(t.request());
      await assert.rejects(async () => t.backend.runTask(record.id), /not registered/);
      assert.equal((await t.backend.getResult(record.id)).status, "READY");
    },
  },
  {
    id: "run-task.retrying",
    sentence: "runTask() runs one attempt: a task to be tried again is READY afterwards.",
    needs: ["worker", "getResult", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const task = t.task({ maxAttempts: 2, backoff }, () => {
        throw new Error("again");
      });
      const result = await t.backend.runTask((await task.enqueue()).id);
      assert.deepEqual([result.status, result.attempts], ["READY", 1]);
    },
  },
  {
    id: "run-task.cancel",
    sentence: "A task that runTask() runs is told within 1 s that it was cancelled.",
    needs: ["worker", "cancel", "getResult"],
    test: async (t) => {
      const started = createDeferred();
      const told = createDeferred<unknown>();
      const task = t.contextTask(async ({ signal }) => {
        signal.addEventListener("abort", () => told.resolve(signal.reason));
        started.resolve();
        await told.promise;
      });
      const result = await task.enqueue();
      const run = t.backend.runTask(result.id);
      await started.promise;
      assert.equal(await result.cancel(), true);
      const reason = await within(1500, "The signal fires", told.promise);
      assert.ok(TaskCancelled.is(reason));
      const { status, state } = await run;
      assert.deepEqual([status, state], ["FAILED", "cancelled"]);
    },
  },
  {
    id: "run-task.race",
    sentence: "Of ten calls that run one result at once, one runs it; the other nine reject.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      let runs = 0;
      const { id } = await t.task(() => ++runs).enqueue();
      const race = Array.from({ length: 10 }, async (): Promise<TaskResult> =>
        t.backend.runTask(id),
      );
      const answers = await Promise.allSettled(race);
      assert.equal(answers.filter(({ status }) => status === "fulfilled").length, 1);
      assert.equal(runs, 1);
    },
  },
  {
    id: "run-task.signals",
    sentence: "runTask() sends started and finished, once each.",
    needs: ["worker", "getResult"],
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.task(() => 1).enqueue();
      await t.backend.runTask(result.id);
      const types = t.events(result).map(({ type }) => type);
      assert.deepEqual(types, ["enqueued", "started", "finished"]);
    },
  },
];
