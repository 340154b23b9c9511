import assert from "node:assert/strict";

import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";

/** Running later. */
export const deferRequirements: readonly Requirement[] = [
  {
    id: "defer.state",
    sentence: "A task that is not due is READY, and scheduled for people.",
    needs: ["defer", "queued"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ runAfter: { hours: 10 } })
        .enqueue();
      assert.deepEqual([result.status, result.state], ["READY", "scheduled"]);
    },
  },
  {
    id: "defer.left-alone",
    sentence:
      "A worker leaves a task alone that is due in ten hours, and a batch worker does not wait for it.",
    needs: ["defer", "worker", "getResult"],
    upstream: ["210"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ runAfter: { hours: 10 } })
        .enqueue();
      await t.drain();
      await result.refresh();
      assert.deepEqual([result.status, result.attempts], ["READY", 0]);
    },
  },
  {
    id: "defer.left-alone-absolute",
    sentence: "A task with an absolute due time in the future is left alone as well.",
    needs: ["defer", "worker", "getResult"],
    upstream: ["210"],
    test: async (t) => {
      const runAfter = new Date(Date.now() + 3_600_000);
      const result = await t
        .task(() => null)
        .using({ runAfter })
        .enqueue();
      await t.drain();
      await result.refresh();
      assert.equal(result.status, "READY");
    },
  },
  {
    id: "defer.runs-when-due",
    sentence: "A running worker picks a task up when it falls due, and not before.",
    needs: ["defer", "worker", "wait"],
    upstream: ["210"],
    test: async (t) => {
      await t.startWorker();
      const result = await t
        .task(() => null)
        .using({ runAfter: { milliseconds: 200 } })
        .enqueue();
      const dueAt = result.runAfter!;
      await t.wait(result);
      const earlyMs = dueAt.getTime() - result.startedAt!.getTime();
      assert.ok(earlyMs <= t.supports.timeResolutionMs, `${earlyMs} ms early`);
    },
  },
  {
    id: "defer.past",
    sentence: "A due time in the past means now.",
    needs: ["defer", "worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1).using({ runAfter: new Date(0) }));
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "defer.zero",
    sentence: "A delay of nothing means now.",
    needs: ["defer", "worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1).using({ runAfter: { milliseconds: 0 } }));
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "defer.reset",
    sentence: "using({ runAfter: null }) takes a due time back.",
    needs: ["defer", "queued"],
    test: async (t) => {
      const deferred = t.task(() => null).using({ runAfter: { hours: 1 } });
      const result = await deferred.using({ runAfter: null }).enqueue();
      assert.deepEqual([result.runAfter, result.state], [null, "ready"]);
    },
  },
  {
    id: "defer.far-future",
    sentence: "The last moment of the year 9999 can be stored and read back.",
    needs: ["defer", "getResult"],
    test: async (t) => {
      const runAfter = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));
      const task = t.task(() => null).using({ runAfter });
      const { id } = await task.enqueue();
      assert.equal((await task.getResult(id)).runAfter!.toISOString(), runAfter.toISOString());
    },
  },
  {
    id: "defer.does-not-hold-up",
    sentence: "Two hundred tasks that are not due do not delay the tasks behind them.",
    needs: ["defer", "worker", "getResult"],
    test: async (t) => {
      const later = t.task(() => null).using({ runAfter: { hours: 1 } });
      await later.enqueueMany(Array.from({ length: 200 }, () => []));
      const result = await t.task(() => 1).enqueue();
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "defer.one-order",
    sentence: "Tasks that fell due and tasks that were ready before run in one order.",
    needs: ["defer", "worker", "priority"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task((n: number) => {
        seen.push(n);
      });
      const soon = { milliseconds: 200 };
      await task.using({ priority: 5, runAfter: soon }).enqueue(5);
      const last = await task.using({ priority: 7, runAfter: soon }).enqueue(7);
      for (const priority of [9, 0, 6]) await task.using({ priority }).enqueue(priority);
      await t.untilDue(last);
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [9, 7, 6, 5, 0]);
    },
  },
  {
    id: "defer.order-of-single-claims",
    sentence: "Tasks that fell due are claimed in the order of their due times, one at a time.",
    needs: ["defer", "workerStore"],
    test: async (t) => {
      const task = t.task(() => null);
      const start = t.backend.now().getTime() + 100;
      // Later ones fall due earlier.
      const requests = Array.from({ length: 60 }, (_, index) => new Date(start + 300 - 5 * index));
      const results = [];
      for (const runAfter of requests) results.push(await task.using({ runAfter }).enqueue());
      await t.untilDue(results[0]!);
      const driver = await StoreDriver.register(t.backend);
      const claimed = [];
      for (let claims = 0; claims < 5; claims++)
        claimed.push(...(await driver.claim({ limit: 1 })));
      assert.deepEqual(
        claimed.map(({ id }) => id),
        results
          .slice(-5)
          .map(({ id }) => id)
          .toReversed(),
      );
    },
  },
  {
    id: "defer.urgent-first",
    sentence: "Of many tasks that fall due at once the most urgent one starts first.",
    needs: ["defer", "worker", "priority"],
    test: async (t) => {
      const seen: string[] = [];
      const task = t.task((name: string) => {
        seen.push(name);
      });
      const runAfter = new Date(t.backend.now().getTime() + 1000);
      const deferred = task.using({ runAfter });
      await deferred.enqueueMany(Array.from({ length: 1000 }, () => ["ordinary"]));
      const urgent = await deferred.using({ priority: 1 }).enqueue("urgent");
      await t.untilDue(urgent);
      await t.drain({ concurrency: 1, maxTasks: 1 });
      assert.deepEqual(seen, ["urgent"]);
    },
  },
  {
    id: "defer.backlog-elsewhere",
    sentence: "Tasks that are due in a queue without a worker delay no task of another queue.",
    needs: ["defer", "worker", "queues", "wait"],
    timeoutMs: 60_000,
    test: async (t) => {
      const task = t.task((n: number) => n);
      const unserved = task.using({ queueName: "unserved", priority: 10 });
      const deferred = unserved.using({ runAfter: { milliseconds: 50 } });
      const calls = Array.from({ length: 1000 }, () => [0]);
      await unserved.enqueueMany(calls);
      const [last] = (await deferred.enqueueMany(calls)).slice(-1);
      await t.untilDue(last!);
      await t.startWorker({ intervalMs: 60_000 });
      const result = await task.enqueue(1);
      await result.wait({ timeoutMs: 5000 });
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "defer.steady-stream",
    sentence: "Tasks start while scheduled ones keep falling due.",
    needs: ["defer", "worker", "wait"],
    test: async (t) => {
      const task = t.task(() => null);
      const start = t.backend.now().getTime() + 500;
      // The stream outlasts the test by far.
      const streamed = Array.from({ length: 600 }, (_, n) =>
        task.using({ runAfter: new Date(start + n * 25) }).enqueue(),
      );
      const last = (await Promise.all(streamed)).at(-1)!;
      await t.startWorker();
      await t.untilTime(start);
      const ordinary = await task.enqueue();
      await ordinary.wait({ timeoutMs: 14_000 });
      assert.ok(ordinary.startedAt! < last.runAfter!, "started before the stream ended");
    },
  },
];
