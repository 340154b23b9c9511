import assert from "node:assert/strict";

import { TaskResultDoesNotExist, type TaskResult } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createNamespace } from "../internal/names.ts";
import type { Requirement } from "../requirement.ts";
import type { AnyTask, Scope } from "../scope.ts";

const missing = { name: TaskResultDoesNotExist.name };

/** Enqueueing as part of the caller's transaction. */
export const transactionRequirements: readonly Requirement[] = [
  {
    id: "transaction.commit",
    sentence: "A task enqueued in a transaction is there after the commit, and runs.",
    needs: ["transaction", "worker", "getResult"],
    upstream: ["162"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const { id } = await inTransaction(t, (transaction) =>
        task.using({ transaction }).enqueue(7),
      );
      const result = await t.backend.getResult(id);
      assert.equal(result.status, "READY");
      await t.finish(result);
      assert.equal(result.returnValue, 7);
    },
  },
  {
    id: "transaction.rollback",
    sentence: "A rolled back transaction leaves nothing behind.",
    needs: ["transaction", "getResult"],
    test: async (t) => {
      const result = await rolledBack(
        t,
        t.task(() => null),
      );
      await assert.rejects(async () => t.backend.getResult(result.id), missing);
      if (t.supports.list) assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "transaction.rollback-runs-nothing",
    sentence: "A task of a rolled back transaction never runs.",
    needs: ["transaction", "worker"],
    test: async (t) => {
      let runs = 0;
      await rolledBack(
        t,
        t.task(() => ++runs),
      );
      await t.drain();
      assert.equal(runs, 0);
    },
  },
  {
    id: "transaction.invisible",
    sentence:
      "Until the commit no other connection reads the task, and no worker of another process claims it.",
    needs: ["transaction", "worker", "getResult", "secondHandle", "outsideView"],
    upstream: ["162"],
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => ++runs);
      const elsewhere = await t.open();
      await inTransaction(t, async (transaction) => {
        const { id } = await task.using({ transaction }).enqueue();
        await assert.rejects(async () => elsewhere.getResult(id), missing);
        await t.drain({}, elsewhere);
        assert.equal(runs, 0);
      });
    },
  },
  {
    id: "transaction.batch",
    sentence: "A batch enqueued in a transaction is committed or rolled back as a whole.",
    needs: ["transaction", "batch", "list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const many = (transaction: unknown): Promise<readonly TaskResult[]> =>
        task.using({ transaction }).enqueueMany([[1], [2], [3]]);
      await assert.rejects(async () =>
        inTransaction(t, async (transaction) => {
          await many(transaction);
          throw new Error("roll back");
        }),
      );
      assert.equal((await t.backend.counts()).READY, 0);
      await inTransaction(t, many);
      assert.equal((await t.backend.counts()).READY, 3);
    },
  },
  {
    id: "transaction.failed-batch",
    sentence:
      "A batch that is refused inside a transaction leaves nothing behind when the transaction is committed all the same.",
    needs: ["transaction", "batch", "unique", "list"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, (n: number) => n);
      const taken = await task.enqueue(2);
      // A transaction that takes its tasks after the commit is told of no conflict, and stores none of them.
      const inside = inTransaction(t, async (transaction) => {
        await Promise.allSettled([task.using({ transaction }).enqueueMany([[1], [2], [3]])]);
      });
      await Promise.allSettled([inside]);
      const { results } = await t.backend.list({ taskName: task.name });
      assert.deepEqual(
        results.map(({ id }) => id),
        [taken.id],
      );
    },
  },
  {
    id: "transaction.hidden-from-lists",
    sentence: "Until the commit lists, counts and queues do not show the task.",
    needs: ["transaction", "list", "secondHandle", "outsideView"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const elsewhere = await t.open();
      const shown = async (): Promise<unknown> => [
        (await elsewhere.list()).results.length,
        (await elsewhere.counts()).READY,
        (await elsewhere.queues()).reduce((sum, { ready }) => sum + ready, 0),
      ];
      await inTransaction(t, async (transaction) => {
        await task.using({ transaction }).enqueueMany([[1], [2]]);
        assert.deepEqual(await shown(), [0, 0, 0], "before the commit");
      });
      await until("The tasks are shown after the commit", async () => {
        const [listed] = (await shown()) as number[];
        return listed === 2;
      });
      assert.deepEqual(await shown(), [2, 2, 2]);
    },
  },
  {
    id: "transaction.several",
    sentence: "Several enqueues of one transaction share its fate.",
    needs: ["transaction", "list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await inTransaction(t, async (transaction) => {
        for (const n of [1, 2]) await task.using({ transaction }).enqueue(n);
      });
      assert.equal((await t.backend.counts()).READY, 2);
    },
  },
  {
    id: "transaction.none",
    sentence: "Without a transaction an enqueue is there at once.",
    needs: ["transaction", "getResult"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ transaction: null })
        .enqueue();
      assert.equal((await t.backend.getResult(result.id)).status, "READY");
    },
  },
  {
    id: "transaction.unique-rollback",
    sentence: "A rolled back transaction gives its unique key back.",
    needs: ["transaction", "unique"],
    test: async (t) => {
      const task = t.task({ unique: { scope: "until-finished" } }, () => null);
      await rolledBack(t, task);
      assert.equal((await task.enqueue()).deduplicated, false);
    },
  },
  {
    id: "transaction.nonsense",
    sentence: "What is no transaction is refused, and nothing is stored.",
    needs: ["transaction", "list"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const transaction of [{}, "begin", 1, [], () => null]) {
        await assert.rejects(async () => task.using({ transaction }).enqueue());
      }
      assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "transaction.settings",
    sentence: "Arguments, priority and due time are the same inside a transaction.",
    needs: ["transaction", "getResult", "priority", "defer"],
    test: async (t) => {
      const task = t.task((value: object) => value);
      const runAfter = new Date(t.backend.now().getTime() + 3_600_000);
      const { id } = await inTransaction(t, (transaction) =>
        task.using({ transaction, priority: 9, runAfter }).enqueue({ a: [1] }),
      );
      const result = await t.backend.getResult(id);
      assert.deepEqual(
        [result.args, result.priority, result.state],
        [[{ a: [1] }], 9, "scheduled"],
      );
    },
  },
  {
    id: "transaction.wakes",
    sentence: "A running worker takes the task soon after the commit.",
    needs: ["transaction", "worker", "wait"],
    test: async (t) => {
      await t.startWorker({ intervalMs: 50 });
      const task = t.task(() => 1);
      const { id } = await inTransaction(t, (transaction) => task.using({ transaction }).enqueue());
      const result = await t.backend.getResult(id);
      await t.wait(result);
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "transaction.at-once",
    sentence:
      "Of several calls at once in one transaction each stores all of its tasks, but one that is refused none.",
    needs: ["transaction", "batch", "unique", "getResult", "list"],
    test: async (t) => {
      // After the commit nothing is refused any more by the call itself.
      if (t.supports.transaction !== "atomic") return;
      const plain = t.task((n: number) => n);
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const once = t.task({ unique }, (n: number) => n);
      const taken = await once.enqueue(0);
      const settled = await inTransaction(t, (transaction) =>
        Promise.allSettled([
          plain.using({ transaction }).enqueueMany([[1], [2], [3]]),
          once.using({ transaction }).enqueueMany([[1], [2], [0]]),
          plain.using({ transaction }).enqueueMany([[4], [5]]),
        ]),
      );
      const statuses = settled.map(({ status }) => status);
      assert.deepEqual(statuses, ["fulfilled", "rejected", "fulfilled"]);
      for (const call of settled) {
        if (call.status === "rejected") continue;
        for (const { id } of call.value) await t.backend.getResult(id);
      }
      const { results } = await t.backend.list({ taskName: once.name });
      assert.deepEqual(
        results.map(({ id }) => id),
        [taken.id],
      );
    },
  },
  {
    id: "transaction.ids",
    sentence: "An id or a key that a rolled back transaction took is free.",
    needs: ["transaction", "unique", "getResult"],
    test: async (t) => {
      const task = t.task({ unique: { scope: "until-finished" } }, () => null);
      const named = t.task(() => null).using({ id: createNamespace() });
      await rolledBack(t, task);
      await rolledBack(t, named);
      assert.equal((await task.enqueue()).deduplicated, false);
      assert.equal((await named.enqueue()).deduplicated, false);
    },
  },
];

async function inTransaction<T>(t: Scope, run: (transaction: unknown) => Promise<T>): Promise<T> {
  const { withTransaction } = t.definition;
  assert.ok(withTransaction, "add withTransaction to the definition of testBackend()");
  return withTransaction(t.backend, run);
}

/** Enqueues in a transaction that is rolled back. */
async function rolledBack(t: Scope, task: AnyTask): Promise<TaskResult> {
  let result: TaskResult | undefined;
  const rollBack = new Error("roll back");
  await assert.rejects(
    async () =>
      inTransaction(t, async (transaction) => {
        result = await task.using({ transaction }).enqueue();
        throw rollBack;
      }),
    rollBack,
  );
  return result!;
}
