import assert from "node:assert/strict";

import type { UsingOptions } from "@tasks/core";

import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { AnyTask, Scope } from "../scope.ts";

/** Which of the ready tasks runs next. */
export const orderRequirements: readonly Requirement[] = [
  {
    id: "order.priority",
    sentence: "Larger priorities run first.",
    needs: ["worker", "priority"],
    upstream: ["174"],
    test: async (t) => {
      const priorities = [0, -1, 1, -100, 100, 50];
      const changes = priorities.map((priority) => ({ priority }));
      assert.deepEqual(await orderOf(t, changes), [4, 5, 2, 0, 1, 3]);
    },
  },
  {
    id: "order.fifo",
    sentence: "Equals run in the order of their enqueue.",
    needs: ["worker"],
    upstream: ["176", "C4"],
    test: async (t) => {
      const changes = Array.from({ length: 30 }, () => ({}));
      assert.deepEqual(await orderOf(t, changes), [...changes.keys()]);
    },
  },
  {
    id: "order.fifo-of-a-batch",
    sentence: "Tasks of one batch run in the order of its calls.",
    needs: ["worker"],
    upstream: ["176"],
    test: async (t) => {
      const { task, seen } = recording(t);
      const calls = Array.from({ length: 100 }, (_, n) => [n]);
      await task.enqueueMany(calls);
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [...calls.keys()]);
    },
  },
  {
    id: "order.due-time",
    sentence: "At equal priority the earlier due time runs first.",
    needs: ["worker", "defer"],
    upstream: ["175"],
    test: async (t) => {
      const changes = [3000, 9000, 1000, 5000].map((ago) => ({ runAfter: before(t, ago) }));
      assert.deepEqual(await orderOf(t, changes), [1, 3, 0, 2]);
    },
  },
  {
    id: "order.due-time-before-enqueue-time",
    sentence: "A task that was due before another was enqueued runs before it, and only then.",
    needs: ["worker", "defer"],
    upstream: ["175", "C4"],
    test: async (t) => {
      const { task, seen } = recording(t);
      const first = await task.enqueue(0);
      await task.using({ runAfter: new Date(first.enqueuedAt.getTime() - 60_000) }).enqueue(1);
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [1, 0]);
    },
  },
  {
    id: "order.due-task-does-not-jump",
    sentence:
      "A deferred task that falls due takes its place behind those that were waiting already.",
    needs: ["worker", "defer"],
    upstream: ["C4"],
    test: async (t) => {
      // A process that stalls between the two enqueues lets the deferred one be due first: then with a longer delay.
      for (const milliseconds of [150, 1000, 4000]) {
        const { task, seen } = recording(t);
        const deferred = await task.using({ runAfter: { milliseconds } }).enqueue(1);
        const waiting = await task.enqueue(0);
        await t.untilDue(deferred);
        await t.drain({ concurrency: 1 });
        if (waiting.enqueuedAt >= deferred.runAfter!) continue;
        assert.deepEqual(seen, [0, 1]);
        return;
      }
    },
  },
  {
    id: "order.priority-before-due-time",
    sentence: "Priority counts before due time.",
    needs: ["worker", "defer", "priority"],
    upstream: ["174", "175"],
    test: async (t) => {
      const changes = [{ runAfter: before(t, 60_000) }, { priority: 1 }];
      assert.deepEqual(await orderOf(t, changes), [1, 0]);
    },
  },
  {
    id: "order.priority-across-queues",
    sentence:
      "A worker of several queues goes by priority, not by queue, whichever is named first.",
    needs: ["worker", "priority", "queues"],
    test: async (t) => {
      const changes = [
        { queueName: "a", priority: 0 },
        { queueName: "b", priority: 5 },
        { queueName: "a", priority: 9 },
        { queueName: "b", priority: -5 },
        { queueName: "b", priority: 8 },
        { queueName: "a", priority: -9 },
      ];
      for (const queueNames of [["a", "b"], ["b", "a"], ["*"]]) {
        const order = await orderOf(t, changes, queueNames);
        assert.deepEqual(order, [2, 4, 1, 0, 3, 5], queueNames.join(", "));
      }
    },
  },
  {
    id: "order.due-time-across-queues",
    sentence: "At equal priority a worker of several queues goes by due time, not by queue.",
    needs: ["worker", "defer", "queues"],
    test: async (t) => {
      const changes = [3000, 9000, 1000, 5000].map((ago, n) => ({
        queueName: n % 2 === 0 ? "a" : "b",
        runAfter: before(t, ago),
      }));
      for (const queueNames of [["a", "b"], ["b", "a"], ["*"]]) {
        const order = await orderOf(t, changes, queueNames);
        assert.deepEqual(order, [1, 3, 0, 2], queueNames.join(", "));
      }
    },
  },
  {
    id: "order.of-single-claims",
    sentence: "Tasks that are claimed one by one come in the same order as those of one claim.",
    needs: ["workerStore", "priority", "defer", "queues"],
    test: async (t) => {
      const changes = [
        { queueName: "a" },
        { queueName: "b", priority: 5, runAfter: before(t, 1000) },
        { queueName: "a", priority: 5, runAfter: before(t, 2000) },
        { queueName: "b", priority: -1 },
        { queueName: "b" },
        { queueName: "a", priority: 5, runAfter: before(t, 500) },
      ];
      const task = t.task((n: number) => n);
      for (const [n, change] of changes.entries()) await task.using(change).enqueue(n);
      const driver = await StoreDriver.register(t.backend);
      const seen: unknown[] = [];
      for (const queueNames of [["a", "b"], ["b", "a"], ["*"], ["a", "b"], ["b", "a"], ["*"]]) {
        const [claimed] = await driver.claim({ limit: 1, queueNames });
        seen.push(claimed?.args()[0]);
      }
      assert.deepEqual(seen, [2, 1, 5, 0, 4, 3]);
    },
  },
  {
    id: "order.priority-arrives-later",
    sentence: "An urgent task that arrives while other tasks wait runs next.",
    needs: ["worker", "priority"],
    test: async (t) => {
      const { task, seen } = recording(t, async (n) => {
        if (n === 0) await task.using({ priority: 50 }).enqueue(99);
      });
      for (const n of [0, 1, 2]) await task.using({ priority: 10 - n }).enqueue(n);
      // One task at a time: what is claimed ahead has been claimed already.
      await t.drain({ concurrency: 1, maxTasks: 1 });
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [0, 99, 1, 2]);
    },
  },
];

/** Enqueues one task per change, numbered, and gives the numbers in the order in which one worker runs them. */
async function orderOf(
  t: Scope,
  changes: readonly UsingOptions[],
  queueNames: readonly string[] = ["default"],
): Promise<readonly number[]> {
  const { task, seen } = recording(t);
  for (const [n, change] of changes.entries()) await task.using(change).enqueue(n);
  await t.drain({ concurrency: 1, queueNames });
  return seen;
}

function recording(
  t: Scope,
  then?: (n: number) => Promise<void>,
): { readonly task: AnyTask; readonly seen: readonly number[] } {
  const seen: number[] = [];
  const task = t.task(async (n: number) => {
    seen.push(n);
    await then?.(n);
  });
  return { task, seen };
}

function before(t: Scope, ms: number): Date {
  return new Date(t.backend.now().getTime() - 3_600_000 - ms);
}
