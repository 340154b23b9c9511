import assert from "node:assert/strict";

import { createId, TaskResultDoesNotExist, type ListOptions, type TaskResult } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Listing, counting, deleting. */
export const monitorRequirements: readonly Requirement[] = [
  {
    id: "monitor.list-newest-first",
    sentence: "list() gives the newest enqueue first.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2, 3]) await task.enqueue(n);
      assert.deepEqual(await listed(t, {}), [3, 2, 1]);
    },
  },
  {
    id: "monitor.list-of-nothing",
    sentence: "An empty store lists nothing and has no next page.",
    needs: ["list"],
    test: async (t) => {
      assert.deepEqual(await t.backend.list(), { results: [], nextCursor: null });
    },
  },
  {
    id: "monitor.list-results",
    sentence: "A listed result is complete and can be used like any other.",
    needs: ["list", "getResult"],
    test: async (t) => {
      const result = await t.task((n: number) => n).enqueue(7);
      const [found] = (await t.backend.list()).results;
      assert.deepEqual(found!.toJSON(), result.toJSON());
      assert.equal((await found!.refresh()).id, result.id);
    },
  },
  {
    id: "monitor.list-pages",
    sentence: "Pages follow each other without a gap or a repeat, and the last has no cursor.",
    needs: ["list"],
    test: async (t) => {
      await t.task((n: number) => n).enqueueMany(Array.from({ length: 7 }, (_, n) => [n]));
      const seen: unknown[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await t.backend.list({ limit: 3, cursor });
        seen.push(...page.results.map(({ args }) => args[0]));
        cursor = page.nextCursor ?? undefined;
        pages += 1;
      } while (cursor !== undefined && pages < 10);
      assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0]);
      assert.equal(pages, 3);
    },
  },
  {
    id: "monitor.list-pages-while-enqueueing",
    sentence: "What is enqueued between two pages disturbs the second page not.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2, 3, 4]) await task.enqueue(n);
      const first = await t.backend.list({ limit: 2 });
      await task.enqueue(5);
      const second = await t.backend.list({ limit: 2, cursor: first.nextCursor! });
      assert.deepEqual(
        second.results.map(({ args }) => args[0]),
        [2, 1],
      );
    },
  },
  {
    id: "monitor.list-page-that-fits",
    sentence: "A page that holds exactly all has no cursor.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2]) await task.enqueue(n);
      assert.equal((await t.backend.list({ limit: 2 })).nextCursor, null);
    },
  },
  {
    id: "monitor.list-by-task",
    sentence: "list() filters by task, also through pages.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const other = t.task((n: number) => n);
      for (const n of [1, 2, 3]) {
        await task.enqueue(n);
        await other.enqueue(-n);
      }
      const first = await t.backend.list({ taskName: task.name, limit: 2 });
      assert.ok(first.nextCursor !== null);
      const rest = await t.backend.list({
        taskName: task.name,
        limit: 2,
        cursor: first.nextCursor,
      });
      const seen = [...first.results, ...rest.results].map(({ args }) => args[0]);
      assert.deepEqual(seen, [3, 2, 1]);
    },
  },
  {
    id: "monitor.list-by-queue",
    sentence: "list() filters by queue.",
    needs: ["list", "queues"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await task.using({ queueName: "emails" }).enqueue(2);
      assert.deepEqual(await listed(t, { queueName: "emails" }), [2]);
      assert.deepEqual(await listed(t, { queueName: "nobody" }), []);
    },
  },
  {
    id: "monitor.list-by-status",
    sentence: "list() filters by status.",
    needs: ["list", "queued", "cancel"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await (await task.enqueue(2)).cancel();
      assert.deepEqual(await listed(t, { status: "READY" }), [1]);
      assert.deepEqual(await listed(t, { status: "FAILED" }), [2]);
      assert.deepEqual(await listed(t, { status: "SUCCESSFUL" }), []);
    },
  },
  {
    id: "monitor.list-by-state",
    sentence: "list() filters by the finer state.",
    needs: ["list", "queued", "cancel", "defer"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await (await task.enqueue(2)).cancel();
      await task.using({ runAfter: { hours: 1 } }).enqueue(3);
      assert.deepEqual(await listed(t, { state: "ready" }), [1]);
      assert.deepEqual(await listed(t, { state: "cancelled" }), [2]);
      assert.deepEqual(await listed(t, { state: "scheduled" }), [3]);
      assert.deepEqual(await listed(t, { state: "failed" }), []);
    },
  },
  {
    id: "monitor.list-by-state-of-runs",
    sentence: "list() filters by states that running brings: successful, failed, retrying.",
    needs: ["list", "worker", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const fail = (): never => {
        throw new Error("on purpose");
      };
      await t.task((n: number) => n).enqueue(1);
      await t.task(fail).enqueue(2);
      await t.task({ maxAttempts: 2, backoff }, fail).enqueue(3);
      await t.drain();
      assert.deepEqual(await listed(t, { state: "successful" }), [1]);
      assert.deepEqual(await listed(t, { state: "failed" }), [2]);
      assert.deepEqual(await listed(t, { state: "retrying" }), [3]);
    },
  },
  {
    id: "monitor.list-hostile-filters",
    sentence: "Filters that nothing has, of any content, find nothing and harm nobody.",
    needs: ["list"],
    test: async (t) => {
      await t.task((n: number) => n).enqueue(1);
      for (const text of ["", "'", "%", "_", "*", "\u0000", "__proto__", "x".repeat(10_000)]) {
        assert.deepEqual(
          await listed(t, { taskName: text }),
          [],
          JSON.stringify(text.slice(0, 20)),
        );
        assert.deepEqual(
          await listed(t, { queueName: text }),
          [],
          JSON.stringify(text.slice(0, 20)),
        );
      }
    },
  },
  {
    id: "monitor.counts",
    sentence: "counts() gives the number of results of every status, zeros included.",
    needs: ["list", "worker", "cancel"],
    test: async (t) => {
      const none = { READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 };
      assert.deepEqual({ ...(await t.backend.counts()) }, none);
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await t.drain();
      await (await task.enqueue(2)).cancel();
      await task.enqueue(3);
      await task.enqueue(4);
      const expected = { READY: 2, RUNNING: 0, SUCCESSFUL: 1, FAILED: 1 };
      assert.deepEqual({ ...(await t.backend.counts()) }, expected);
    },
  },
  {
    id: "monitor.counts-of-a-queue",
    sentence: "counts() of one queue leaves the others out.",
    needs: ["list", "queued", "queues"],
    test: async (t) => {
      const task = t.task(() => null);
      await task.enqueue();
      await task.using({ queueName: "emails" }).enqueue();
      await task.using({ queueName: "emails" }).enqueue();
      assert.equal((await t.backend.counts({ queueName: "emails" })).READY, 2);
      assert.equal((await t.backend.counts({ queueName: "nobody" })).READY, 0);
      assert.equal((await t.backend.counts()).READY, 3);
    },
  },
  {
    id: "monitor.queues",
    sentence: "queues() tells what each queue holds, by name, declared but empty ones included.",
    needs: ["list", "queued", "queues", "defer"],
    queues: ["default", "emails", "reports"],
    test: async (t) => {
      const task = t.task(() => null);
      await task.using({ queueName: "emails" }).enqueue();
      await task.using({ queueName: "emails" }).enqueue();
      await task.using({ queueName: "emails", runAfter: { hours: 1 } }).enqueue();
      const queues = await t.backend.queues();
      const plain = queues.map(({ name, ready, scheduled, running, paused }) => ({
        name,
        ready,
        scheduled,
        running,
        paused,
      }));
      const empty = { ready: 0, scheduled: 0, running: 0, paused: false };
      assert.deepEqual(plain, [
        { name: "default", ...empty },
        { name: "emails", ...empty, ready: 2, scheduled: 1 },
        { name: "reports", ...empty },
      ]);
    },
  },
  {
    id: "monitor.queues-age",
    sentence: "A queue's oldestReadyMs is the age of its oldest due task, null when none is due.",
    needs: ["list", "queued", "defer"],
    test: async (t) => {
      const task = t.task(() => null);
      const age = async (): Promise<number | null | undefined> =>
        (await t.backend.queues()).find(({ name }) => name === "default")?.oldestReadyMs;
      await task.using({ runAfter: { hours: 1 } }).enqueue();
      assert.equal(await age(), null);
      await task.using({ runAfter: new Date(t.backend.now().getTime() - 60_000) }).enqueue();
      const oldestReadyMs = (await age())!;
      assert.ok(oldestReadyMs >= 59_000 && oldestReadyMs < 90_000, `${oldestReadyMs}`);
    },
  },
  {
    id: "monitor.running",
    sentence: "A running task is counted as running, in counts, queues and workers.",
    needs: ["list", "worker"],
    test: async (t) => {
      const { end } = await runOne(t, { workerId: "watched", concurrency: 3 });
      const { RUNNING } = await t.backend.counts();
      const queue = (await t.backend.queues()).find(({ name }) => name === "default");
      const workers = await t.backend.workers();
      end();
      assert.equal(RUNNING, 1);
      assert.equal(queue?.running, 1);
      assert.deepEqual(
        workers.map(({ workerId, running }) => [workerId, running]),
        [["watched", 1]],
      );
    },
  },
  {
    id: "monitor.workers",
    sentence: "workers() shows a running worker: id, queues, concurrency, times, alive.",
    needs: ["list", "worker"],
    test: async (t) => {
      const before = t.backend.now().getTime() - 1000;
      await t.startWorker({ workerId: "w1", queueNames: ["default"], concurrency: 4 });
      const [worker, ...others] = await until("The worker announces itself", async () => {
        const workers = await t.backend.workers();
        return workers.length > 0 && workers;
      });
      assert.ok(worker !== undefined);
      assert.deepEqual(others, []);
      const { workerId, queueNames, concurrency, alive, running, startedAt, lastSeenAt } = worker;
      assert.deepEqual(
        { workerId, queueNames: [...queueNames], concurrency, alive, running },
        { workerId: "w1", queueNames: ["default"], concurrency: 4, alive: true, running: 0 },
      );
      assert.ok(startedAt.getTime() >= before && lastSeenAt >= startedAt);
    },
  },
  {
    id: "monitor.workers-sign-off",
    sentence: "A worker that stopped is gone from workers().",
    needs: ["list", "worker"],
    test: async (t) => {
      await t.drain();
      const { worker } = await t.startWorker();
      await until(
        "The worker announces itself",
        async () => (await t.backend.workers()).length > 0,
      );
      await worker.stop();
      assert.deepEqual(await t.backend.workers(), []);
    },
  },
  {
    id: "monitor.delete-ready",
    sentence: "delete() removes a waiting result, which then never runs.",
    needs: ["list", "queued"],
    test: async (t) => {
      let runs = 0;
      const result = await t.task(() => ++runs).enqueue();
      assert.equal(await t.backend.delete(result.id), true);
      assert.deepEqual((await t.backend.list()).results, []);
      await t.drain();
      assert.equal(runs, 0);
    },
  },
  {
    id: "monitor.delete-finished",
    sentence: "delete() removes a finished result.",
    needs: ["list", "worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      assert.equal(await t.backend.delete(result.id), true);
      assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "monitor.delete-running",
    sentence: "delete() leaves a running result alone and says false.",
    needs: ["list", "worker", "getResult"],
    test: async (t) => {
      const { result, end } = await runOne(t);
      const answer = await t.backend.delete(result.id);
      await result.refresh();
      end();
      assert.deepEqual([answer, result.status], [false, "RUNNING"]);
    },
  },
  {
    id: "monitor.delete-missing",
    sentence: "delete() of nothing is TaskResultDoesNotExist, also the second time.",
    needs: ["list", "queued"],
    test: async (t) => {
      const missing = { name: TaskResultDoesNotExist.name };
      const result = await t.task(() => null).enqueue();
      await t.backend.delete(result.id);
      for (const id of [result.id, createId(), "123", "'"]) {
        await assert.rejects(async () => t.backend.delete(id), missing);
      }
    },
  },
  {
    id: "monitor.other-handle",
    sentence: "Another process sees the same results, counts and workers.",
    needs: ["list", "worker", "secondHandle"],
    upstream: ["179"],
    test: async (t) => {
      const elsewhere = await t.open();
      const { result, end } = await runOne(t, { workerId: "seen" });
      const { results } = await elsewhere.list();
      const { RUNNING } = await elsewhere.counts();
      const workers = await elsewhere.workers();
      end();
      assert.deepEqual([results[0]?.id, results[0]?.status, RUNNING], [result.id, "RUNNING", 1]);
      assert.equal(workers[0]?.workerId, "seen");
    },
  },
];

/** First arguments of what a filter finds. */
async function listed(t: Scope, options: ListOptions): Promise<readonly unknown[]> {
  const { results } = await t.backend.list(options);
  return results.map(({ args }) => args[0]);
}

/** A result that a started worker is running until `end()`. */
async function runOne(
  t: Scope,
  options: Parameters<Scope["startWorker"]>[0] = {},
): Promise<{ readonly result: TaskResult; readonly end: () => void }> {
  const started = createDeferred();
  const end = createDeferred();
  const task = t.task(async () => {
    started.resolve();
    await end.promise;
  });
  const result = await task.enqueue();
  await t.startWorker(options);
  await started.promise;
  return { result, end: () => end.resolve() };
}
