import assert from "node:assert/strict";

import type { TaskResult } from "@tasks/core";

import { createNamespace } from "../internal/names.ts";
import type { Requirement } from "../requirement.ts";

/** Ids that are given with `using({ id })`. */
export const idRequirements: readonly Requirement[] = [
  {
    id: "id.given",
    sentence: "A result has the id that was given, and is found by it.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const id of ["Order-7.a_B", "x0".repeat(32), "7f".repeat(16)]) {
        assert.equal((await task.using({ id }).enqueue(1)).id, id);
        assert.deepEqual((await t.backend.getResult(id)).args, [1]);
      }
    },
  },
  {
    id: "id.again",
    sentence:
      "An id that a result has stores nothing: the existing result is returned, also when the other options differ.",
    needs: ["getResult"],
    test: async (t) => {
      const id = createNamespace();
      const first = await t
        .task((n: number) => n)
        .using({ id })
        .enqueue(1);
      const again = await t
        .task(() => null)
        .using({ id, metadata: {} })
        .enqueue();
      assert.deepEqual([first.deduplicated, again.deduplicated], [false, true]);
      assert.deepEqual([again.id, again.taskName, again.args], [id, first.taskName, [1]]);
      assert.deepEqual((await t.backend.getResult(id)).args, [1]);
    },
  },
  {
    id: "id.again-finished",
    sentence: "A finished result keeps its id: enqueueing it again runs nothing.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => ++runs).using({ id: createNamespace() });
      await t.finish(await task.enqueue());
      const again = await task.enqueue();
      await t.drain();
      assert.deepEqual([again.status, again.deduplicated, runs], ["SUCCESSFUL", true, 1]);
    },
  },
  {
    id: "id.other-queue",
    sentence: "An id is unique in the whole backend, across its queues.",
    needs: ["getResult"],
    test: async (t) => {
      const id = createNamespace();
      const task = t.task((n: number) => n);
      await task.using({ id, queueName: "first" }).enqueue(1);
      const again = await task.using({ id, queueName: "second" }).enqueue(2);
      assert.deepEqual([again.deduplicated, again.queueName], [true, "first"]);
    },
  },
  {
    id: "id.freed-by-delete",
    sentence: "The id of a deleted result is free.",
    needs: ["list"],
    test: async (t) => {
      const id = createNamespace();
      const task = t.task((n: number) => n).using({ id });
      await task.enqueue(1);
      await t.drain();
      await t.backend.delete(id);
      const again = await task.enqueue(2);
      assert.deepEqual([again.deduplicated, again.args], [false, [2]]);
    },
  },
  {
    id: "id.race-50",
    sentence: "Of fifty enqueues of one id at once one is stored; the other calls return it.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n).using({ id: createNamespace() });
      assertOne(await Promise.all(Array.from({ length: 50 }, (_, n) => task.enqueue(n))));
    },
  },
  {
    id: "id.race-of-two-processes",
    sentence: "Two processes that enqueue one id at once store one task.",
    needs: ["getResult", "secondHandle"],
    test: async (t) => {
      const elsewhere = await t.open();
      const id = createNamespace();
      const { taskName } = t.request();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          (n % 2 === 0 ? t.backend : elsewhere).enqueue(t.request({ id, taskName, args: [n] })),
        ),
      );
      assert.equal(answers.filter(({ deduplicated }) => !deduplicated).length, 1);
      assert.equal(new Set(answers.map(({ record }) => JSON.stringify(record.args))).size, 1);
    },
  },
  {
    id: "id.twice-in-batch",
    sentence: "Of two tasks with one id in a batch the second is given the first.",
    needs: ["batch", "getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n).using({ id: createNamespace() });
      const [first, second] = await task.enqueueMany([[1], [2]]);
      assert.deepEqual([first!.deduplicated, second!.deduplicated], [false, true]);
      assert.deepEqual([second!.id, second!.args], [first!.id, [1]]);
    },
  },
  {
    id: "id.before-key",
    sentence:
      "A task that is enqueued again by its id is returned, although its unique key would reject it.",
    needs: ["unique", "getResult"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, () => null).using({ id: createNamespace() });
      assertOne([await task.enqueue(), await task.enqueue()]);
    },
  },
];

function assertOne(results: readonly TaskResult[]): void {
  assert.equal(new Set(results.map(({ id, args }) => JSON.stringify([id, args]))).size, 1);
  assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1);
}
