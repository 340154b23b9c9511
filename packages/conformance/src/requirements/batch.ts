import assert from "node:assert/strict";

import { DuplicateTask } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** Storing many tasks. */
export const batchRequirements: readonly Requirement[] = [
  {
    id: "batch.order",
    sentence: "The results of enqueueMany are in the order of the calls.",
    needs: ["batch"],
    test: async (t) => {
      const calls = Array.from({ length: 20 }, (_, n) => [n]);
      const results = await t.task((n: number) => n).enqueueMany(calls);
      assert.deepEqual(
        results.map(({ args }) => args),
        calls,
      );
    },
  },
  {
    id: "batch.empty",
    sentence: "enqueueMany of nothing gives nothing.",
    needs: [],
    test: async (t) => assert.deepEqual(await t.task(() => null).enqueueMany([]), []),
  },
  {
    id: "batch.raw-empty",
    sentence: "The backend itself accepts an empty batch.",
    needs: [],
    test: async (t) => assert.deepEqual(await t.backend.enqueueMany([]), []),
  },
  {
    id: "batch.readable",
    sentence: "Every result of a batch can be read back with its own arguments.",
    needs: ["batch", "getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await task.enqueueMany([[1], [2], [3]]);
      const read = await Promise.all(results.map(({ id }) => task.getResult(id)));
      assert.deepEqual(
        read.map(({ args }) => args[0]),
        [1, 2, 3],
      );
    },
  },
  {
    id: "batch.large",
    sentence: "A thousand tasks go in one batch, each with an id of its own.",
    needs: ["batch"],
    test: async (t) => {
      const calls = Array.from({ length: 1000 }, (_, n) => [n]);
      const results = await t.task((n: number) => n).enqueueMany(calls);
      assert.equal(new Set(results.map(({ id }) => id)).size, 1000);
    },
  },
  {
    id: "batch.large-payloads",
    sentence: "Fifty payloads of 20 kB each go in one batch and come back whole.",
    needs: ["batch", "getResult"],
    test: async (t) => {
      const task = t.task((_text: string) => null);
      const texts = Array.from({ length: 50 }, (_, n) => `${n}:${"x".repeat(20_000)}`);
      const results = await task.enqueueMany(texts.map((text) => [text]));
      const last = await task.getResult(results[49]!.id);
      assert.deepEqual(last.args, [texts[49]]);
    },
  },
  {
    id: "batch.settings",
    sentence: "A batch carries queue, priority, due time and metadata of its task.",
    needs: ["batch", "getResult", "queues", "priority", "defer", "metadata"],
    test: async (t) => {
      const runAfter = new Date(Date.now() + 3_600_000);
      const settings = { queueName: "bulk", priority: 7, runAfter, metadata: { a: 1 } };
      const task = t.task(() => null).using(settings);
      const [, second] = await task.enqueueMany([[], []]);
      const read = await task.getResult(second!.id);
      const { queueName, priority, metadata } = read;
      assert.deepEqual(
        { queueName, priority, metadata },
        { queueName: "bulk", priority: 7, metadata: { a: 1 } },
      );
      assert.ok(read.runAfter !== null && read.runAfter > new Date(Date.now() + 3_000_000));
    },
  },
  {
    id: "batch.invalid-stores-nothing",
    sentence: "One argument that is not JSON keeps the whole batch from being stored.",
    needs: [],
    test: async (t) => {
      const task = t.task((_value: unknown) => null);
      await t.assertRefused(task, () => task.enqueueMany([[1], [new Date()], [3]]), {
        name: "TypeError",
        message: /args\[0\]/,
      });
    },
  },
  {
    id: "batch.all-or-none",
    sentence: "A batch in which one task is refused as a duplicate stores none of its tasks.",
    needs: ["batch", "unique", "list"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, (n: number) => n);
      const taken = await task.enqueue(2);
      await assert.rejects(async () => task.enqueueMany([[1], [2], [3]]), {
        name: DuplicateTask.name,
      });
      const { results } = await t.backend.list({ taskName: task.name });
      assert.deepEqual(
        results.map(({ id }) => id),
        [taken.id],
      );
    },
  },
  {
    id: "batch.rejecting-duplicates-inside",
    sentence:
      "A batch with two tasks of one unique key that is to be rejected stores none of its tasks.",
    needs: ["batch", "unique", "list"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, (n: number) => n);
      await assert.rejects(async () => task.enqueueMany([[1], [2], [2], [3]]), {
        name: DuplicateTask.name,
      });
      assert.deepEqual((await t.backend.list({ taskName: task.name })).results, []);
      assert.equal((await task.enqueue(2)).deduplicated, false, "no key is taken");
    },
  },
  {
    id: "batch.duplicates-inside",
    sentence: "Of two tasks with one unique key in a batch the second is given the first.",
    needs: ["batch", "unique"],
    test: async (t) => {
      const task = t.task({ unique: { scope: "until-finished" } }, (n: number) => n);
      const [first, second, third] = await task.enqueueMany([[1], [1], [2]]);
      assert.equal(second!.id, first!.id);
      assert.deepEqual(
        [first, second, third].map((result) => result!.deduplicated),
        [false, true, false],
      );
    },
  },
  {
    id: "batch.signals",
    sentence: "A batch sends taskEnqueued once for each task.",
    needs: [],
    upstream: ["S1"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await task.enqueueMany([[1], [2]]);
      const enqueued = t.eventsOf(task).filter(({ type }) => type === "enqueued");
      assert.deepEqual(
        enqueued.map(({ taskResult }) => taskResult.id).sort(),
        results.map(({ id }) => id).sort(),
      );
    },
  },
  {
    id: "batch.runs",
    sentence: "Every task of a batch runs once.",
    needs: ["batch", "execution"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task((n: number) => void seen.push(n));
      const results = await task.enqueueMany([[1], [2], [3]]);
      await t.finish(...results);
      assert.deepEqual(
        seen.toSorted((a, b) => a - b),
        [1, 2, 3],
      );
    },
  },
];
