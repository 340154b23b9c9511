import assert from "node:assert/strict";

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
      await result.wait({ timeoutMs: 5000 });
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
    sentence: "Two hundred tasks that are not due hold up nobody behind them.",
    needs: ["defer", "worker", "getResult"],
    test: async (t) => {
      const later = t.task(() => null).using({ runAfter: { hours: 1 } });
      await later.enqueueMany(Array.from({ length: 200 }, () => []));
      const result = await t.task(() => 1).enqueue();
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
];
