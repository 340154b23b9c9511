import assert from "node:assert/strict";

import { InvalidTask } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** Storing one task. */
export const enqueueRequirements: readonly Requirement[] = [
  {
    id: "enqueue.ready",
    sentence: "An enqueued task is READY and not finished.",
    needs: ["queued"],
    upstream: ["33", "107", "148", "240"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      assert.equal(result.status, "READY");
      assert.equal(result.isFinished, false);
      assert.equal(result.state, "ready");
    },
  },
  {
    id: "enqueue.no-times-yet",
    sentence: "A fresh result has an enqueue time and no other.",
    needs: ["queued"],
    upstream: ["107", "148", "240"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      assert.ok(result.enqueuedAt instanceof Date);
      const { startedAt, lastAttemptedAt, finishedAt } = result;
      assert.deepEqual([startedAt, lastAttemptedAt, finishedAt], [null, null, null]);
    },
  },
  {
    id: "enqueue.no-history-yet",
    sentence: "A fresh result has no attempts, no worker ids, no errors, no progress and no logs.",
    needs: ["queued"],
    upstream: ["107", "117", "148"],
    test: async (t) => {
      const { attempts, workerIds, errors, progress, logs } = await t.task(() => null).enqueue();
      assert.deepEqual(
        { attempts, workerIds, errors, progress, logs },
        { attempts: 0, workerIds: [], errors: [], progress: null, logs: [] },
      );
    },
  },
  {
    id: "enqueue.no-return-value-yet",
    sentence: 'The return value of a waiting result throws "Task has not finished yet".',
    needs: ["queued"],
    upstream: ["107", "148", "240"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      assert.throws(() => result.returnValue as unknown, { message: "Task has not finished yet" });
    },
  },
  {
    id: "enqueue.names",
    sentence: "A result knows its task, its backend's alias, its queue and its default settings.",
    needs: [],
    upstream: ["33", "106", "239"],
    test: async (t) => {
      const task = t.task(() => null);
      const result = await task.enqueue();
      assert.equal(result.taskName, task.name);
      assert.equal(result.task.fn, task.fn);
      assert.equal(result.backend, "default");
      assert.equal(result.queueName, "default");
      assert.equal(result.priority, 0);
      assert.deepEqual(result.metadata, {});
    },
  },
  {
    id: "enqueue.id",
    sentence: "An id is a text of 1 to 64 characters.",
    needs: [],
    upstream: ["142"],
    test: async (t) => {
      const { id } = await t.task(() => null).enqueue();
      assert.equal(typeof id, "string");
      assert.ok(id.length >= 1 && id.length <= 64, id);
    },
  },
  {
    id: "enqueue.ids-differ",
    sentence: "Fifty enqueues at once give fifty different ids.",
    needs: [],
    upstream: ["143"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => task.enqueue(n)));
      assert.equal(new Set(results.map(({ id }) => id)).size, 50);
    },
  },
  {
    id: "enqueue.none-lost-at-once",
    sentence: "Of fifty enqueues at once every one can be read back with its own arguments.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await Promise.all(Array.from({ length: 50 }, (_, n) => task.enqueue(n)));
      const read = await Promise.all(results.map(({ id }) => task.getResult(id)));
      assert.deepEqual(
        read.map(({ args }) => args[0]),
        Array.from({ length: 50 }, (_, n) => n),
      );
    },
  },
  {
    id: "enqueue.delay",
    sentence: "delay() is enqueue() by another name.",
    needs: [],
    test: async (t) => {
      const result = await t.task((n: number) => n).delay(7);
      assert.deepEqual(result.args, [7]);
    },
  },
  {
    id: "enqueue.time",
    sentence: "The enqueue time is the present of the backend's clock.",
    needs: [],
    test: async (t) => {
      const slackMs = t.supports.timeResolutionMs + 1000;
      const before = t.backend.now().getTime();
      const { enqueuedAt } = await t.task(() => null).enqueue();
      const after = t.backend.now().getTime();
      assert.ok(enqueuedAt.getTime() >= before - slackMs, "not before the enqueue");
      assert.ok(enqueuedAt.getTime() <= after + slackMs, "not after the enqueue");
    },
  },
  {
    id: "enqueue.refuses-other-queues",
    sentence: "A queue the backend does not have is refused by name, and nothing is stored.",
    needs: ["queues"],
    queues: ["default", "emails"],
    upstream: ["103", "121", "252"],
    test: async (t) => {
      const task = t.task(() => null);
      await t.assertRefused(task, () => task.using({ queueName: "unknown_queue" }).enqueue(), {
        name: InvalidTask.name,
        message: /Queue 'unknown_queue' is not valid for backend\./,
      });
      assert.equal((await task.using({ queueName: "emails" }).enqueue()).queueName, "emails");
    },
  },
  {
    id: "enqueue.queue",
    sentence: "A result keeps the queue it was enqueued on.",
    needs: ["queues", "getResult"],
    upstream: ["12"],
    test: async (t) => {
      const task = t.task(() => null).using({ queueName: "a.b-c_1" });
      const { id } = await task.enqueue();
      assert.equal((await task.getResult(id)).queueName, "a.b-c_1");
    },
  },
  {
    id: "enqueue.priority",
    sentence: "A result keeps its priority, from −100 to 100.",
    needs: ["priority"],
    upstream: ["161"],
    test: async (t) => {
      for (const priority of [-100, -1, 0, 1, 100]) {
        const task = t.task(() => null).using({ priority });
        const result = await task.enqueue();
        const read = t.supports.getResult ? await task.getResult(result.id) : result;
        assert.equal(read.priority, priority);
      }
    },
  },
  {
    id: "enqueue.refuses-priority-out-of-range",
    sentence: "Priorities outside −100…100 and fractions are refused, and nothing is stored.",
    needs: ["priority"],
    upstream: ["161"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const priority of [-101, 101, 1.5, Number.NaN, "5"]) {
        await t.assertRefused(
          task,
          async () => task.using({ priority: priority as number }).enqueue(),
          {
            name: InvalidTask.name,
            message: /priority must be a whole number between -100 and 100\./,
          },
        );
      }
    },
  },
  {
    id: "enqueue.run-after",
    sentence: "A result keeps its due time, as finely as timeResolutionMs says.",
    needs: ["defer", "getResult"],
    upstream: ["13"],
    test: async (t) => {
      const runAfter = new Date(Date.now() + 86_400_123);
      const task = t.task(() => null).using({ runAfter });
      const { id } = await task.enqueue();
      const stored = (await task.getResult(id)).runAfter;
      assert.ok(stored instanceof Date);
      const errorMs = Math.abs(stored.getTime() - runAfter.getTime());
      assert.ok(errorMs <= t.supports.timeResolutionMs, `${errorMs} ms off`);
    },
  },
  {
    id: "enqueue.run-after-null",
    sentence: "A task that was not deferred has no due time when it is read back.",
    needs: ["getResult"],
    upstream: ["165"],
    test: async (t) => {
      const task = t.task(() => null);
      const { id } = await task.enqueue();
      assert.equal((await task.getResult(id)).runAfter, null);
    },
  },
  {
    id: "enqueue.run-after-relative",
    sentence: "A relative due time counts from the enqueue by the backend's clock.",
    needs: ["defer", "queued"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ runAfter: { hours: 1, seconds: 1, milliseconds: 250 } })
        .enqueue();
      const delayMs = result.runAfter!.getTime() - result.enqueuedAt.getTime();
      const errorMs = Math.abs(delayMs - 3_601_250);
      assert.ok(errorMs <= 2 * t.supports.timeResolutionMs + 5, `${errorMs} ms off`);
    },
  },
  {
    id: "enqueue.signal",
    sentence: "An enqueue sends taskEnqueued once, with the backend as sender and the result.",
    needs: [],
    upstream: ["148", "S1", "S2"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const enqueued = t.events(result).filter(({ type }) => type === "enqueued");
      assert.equal(enqueued.length, 1);
      assert.equal(enqueued[0]!.sender, t.backend);
      assert.equal(enqueued[0]!.taskResult.id, result.id);
    },
  },
  {
    id: "enqueue.log",
    sentence: "An enqueue is logged once at level debug, with id, task and alias.",
    needs: [],
    upstream: ["116", "163"],
    test: async (t) => {
      const task = t.task(() => null);
      const result = await task.enqueue();
      const lines = t.logs(result).filter(({ message }) => message.includes("enqueued"));
      assert.deepEqual(lines, [
        {
          level: "debug",
          message: `Task id=${result.id} path=${task.name} enqueued backend=default`,
        },
      ]);
    },
  },
  {
    id: "enqueue.handle-is-a-snapshot",
    sentence: "The handle of an enqueue changes by refresh() only.",
    needs: ["queued", "execution", "getResult"],
    upstream: ["111", "152", "190", "258"],
    test: async (t) => {
      const result = await t.task(() => 42).enqueue();
      await t.drain();
      assert.equal(result.status, "READY");
      assert.equal(await result.refresh(), result);
      assert.equal(result.status, "SUCCESSFUL");
      assert.equal(result.returnValue, 42);
    },
  },
  {
    id: "enqueue.unknown-task",
    sentence: "A task that this process does not know can be stored: another one may run it.",
    needs: ["queued", "getResult"],
    test: async (t) => {
      const request = t.request({ args: [1] });
      const { record, deduplicated } = await t.backend.enqueue(request);
      assert.equal(deduplicated, false);
      const read = await t.backend.getResult(record.id);
      assert.equal(read.taskName, request.taskName);
      assert.deepEqual(read.args, [1]);
    },
  },
];
