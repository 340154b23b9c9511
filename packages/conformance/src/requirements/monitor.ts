import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";

import type { TaskStatus, WorkerInfo } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { holdTask } from "../internal/hold-task.ts";
import { everyOutcome, failed, successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";

const STATUSES: readonly TaskStatus[] = ["READY", "RUNNING", "SUCCESSFUL", "FAILED"];

/** Counts, queues and workers. */
export const monitorRequirements: readonly Requirement[] = [
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
    id: "monitor.counts-follow",
    sentence: "counts() and lists by status follow a result from one status to the next.",
    needs: ["list", "workerStore", "retry"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const driver = await StoreDriver.register(t.backend);
      const assertIs = async (expected: TaskStatus | null): Promise<void> => {
        const counts = Object.entries(await t.backend.counts()).filter(([, count]) => count > 0);
        assert.deepEqual(counts, expected === null ? [] : [[expected, 1]], "counts()");
        for (const status of STATUSES) {
          const { results } = await t.backend.list({ status });
          const ids = results.map(({ id }) => id);
          assert.deepEqual(ids, status === expected ? [result.id] : [], `list() of ${status}`);
        }
      };
      await assertIs("READY");
      const first = await driver.claimOne();
      await assertIs("RUNNING");
      await driver.complete(first, failed("on purpose"));
      await assertIs("FAILED");
      await t.backend.retry(result.id);
      await assertIs("READY");
      const second = await driver.claimOne();
      await assertIs("RUNNING");
      await driver.complete(second, successful(1));
      await assertIs("SUCCESSFUL");
      await t.backend.delete(result.id);
      await assertIs(null);
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
    id: "monitor.counts-scheduled",
    sentence: "counts() and lists of READY results hold those that are due later too.",
    needs: ["list", "queued", "defer"],
    test: async (t) => {
      const task = t.task(() => null);
      await task.enqueue();
      await task.using({ runAfter: { hours: 1 } }).enqueue();
      assert.equal((await t.backend.counts()).READY, 2);
      assert.equal((await t.backend.counts({ queueName: "default" })).READY, 2);
    },
  },
  {
    id: "monitor.one-moment",
    sentence:
      "counts(), queues() and a list tell of one moment: a task that moves meanwhile is found once.",
    needs: ["list", "workerStore"],
    test: async (t) => {
      const total = 40;
      const task = t.task(() => null);
      await task.enqueueMany(Array.from({ length: total }, () => []));
      const driver = await StoreDriver.register(t.backend);
      let isMoving = true;
      const move = async (): Promise<void> => {
        for (let moved = 0; moved < total; moved++) {
          const [claimed] = await driver.claim({ limit: 1 });
          assert.ok(claimed !== undefined, "a task is ready");
          await setImmediate();
          await driver.complete(claimed, { type: "snooze", delayMs: 3_600_000 });
        }
      };
      // Turn by turn, because a store in this process answers at once.
      const watch = async (look: () => Promise<void>): Promise<void> => {
        for (; isMoving; await setImmediate()) await look();
      };
      await Promise.all([
        move().finally(() => (isMoving = false)),
        watch(async () => {
          const { READY, RUNNING } = await t.backend.counts();
          assert.equal(READY + RUNNING, total, "counts() of READY and RUNNING together");
        }),
        watch(async () => {
          const queues = await t.backend.queues();
          const { ready, scheduled, running } = queues.find(({ name }) => name === "default")!;
          assert.equal(ready + scheduled + running, total, "ready, scheduled and running together");
        }),
        watch(async () => {
          const { results } = await t.backend.list({ status: "READY", limit: total });
          assert.equal(new Set(results.map(({ id }) => id)).size, results.length, "no id twice");
          assert.ok(results.length >= total - 1, `${results.length} READY of ${total}`);
        }),
      ]);
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
      const since = new Date(t.backend.now().getTime() - 60_000);
      const urgent = t.supports.priority ? { priority: 10 } : {};
      await task.using(urgent).enqueue();
      await task.using({ runAfter: since }).enqueue();
      await task.using(urgent).enqueue();
      const oldestReadyMs = (await age())!;
      assert.ok(oldestReadyMs >= 59_000 && oldestReadyMs < 90_000, `${oldestReadyMs}`);
    },
  },
  {
    id: "monitor.queues-due",
    sentence:
      "A task that fell due counts as ready, not as scheduled, before a worker has seen it.",
    needs: ["list", "queued", "defer"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ runAfter: { milliseconds: 50 } })
        .enqueue();
      await t.untilDue(result);
      const queues = await t.backend.queues();
      const { ready, scheduled, oldestReadyMs } = queues.find(({ name }) => name === "default")!;
      assert.deepEqual({ ready, scheduled }, { ready: 1, scheduled: 0 });
      assert.ok(oldestReadyMs !== null && oldestReadyMs < 30_000, `oldestReadyMs ${oldestReadyMs}`);
    },
  },
  {
    id: "monitor.running",
    sentence: "A running task is counted as running, in counts, queues and workers.",
    needs: ["list", "worker"],
    test: async (t) => {
      const { end } = await holdTask(t, { workerId: "watched", concurrency: 3 });
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
    id: "monitor.running-ends",
    sentence: "A task is no longer counted as running once its attempt has ended, however it did.",
    needs: ["list", "workerStore"],
    test: async (t) => {
      const endings = everyOutcome();
      const task = t.task(() => null);
      await task.enqueueMany(endings.map(() => []));
      const driver = await StoreDriver.register(t.backend, { workerId: "watched" });
      const claimed = await driver.claim({ limit: endings.length });
      assert.equal(claimed.length, endings.length);
      for (const [done, outcome] of endings.entries()) {
        await driver.complete(claimed[done]!, outcome);
        const expected = endings.length - done - 1;
        const worker = (await t.backend.workers()).find(({ workerId }) => workerId === "watched");
        const queue = (await t.backend.queues()).find(({ name }) => name === "default");
        const { RUNNING } = await t.backend.counts();
        assert.deepEqual(
          { worker: worker?.running, queue: queue?.running, counts: RUNNING },
          { worker: expected, queue: expected, counts: expected },
          `after ${outcome.type}`,
        );
      }
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
    id: "monitor.workers-alive",
    sentence: "A worker whose lease is over is not alive, and a renewal moves its lastSeenAt.",
    needs: ["list", "workerStore"],
    test: async (t) => {
      const seen = async (): Promise<WorkerInfo | undefined> =>
        (await t.backend.workers()).find(({ workerId }) => workerId === "fleeting");
      const leaseMs = 60;
      const driver = await StoreDriver.register(t.backend, { workerId: "fleeting", leaseMs });
      await t.untilTime(t.backend.now().getTime() + leaseMs + t.supports.timeResolutionMs);
      const before = await until("The lease is over", async () => {
        const worker = await seen();
        return worker?.alive === false && worker;
      });
      await driver.store.renewLease({ ...driver.session, leaseMs: 60_000 });
      const after = await seen();
      assert.equal(after?.alive, true, "alive after a renewal");
      assert.ok(
        after.lastSeenAt > before.lastSeenAt,
        `lastSeenAt ${after.lastSeenAt.toISOString()} is after ${before.lastSeenAt.toISOString()}`,
      );
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
    id: "monitor.workers-sign-off-holding",
    sentence: "A worker that signed off is gone from workers(), even if it held a task.",
    needs: ["list", "workerStore"],
    test: async (t) => {
      await t.task(() => null).enqueue();
      const leaver = await StoreDriver.register(t.backend, { workerId: "leaver" });
      await leaver.claimOne();
      await leaver.store.unregister(leaver.session);
      assert.deepEqual(await t.backend.workers(), []);
    },
  },
  {
    id: "monitor.other-handle",
    sentence: "Another process sees the same results, counts and workers.",
    needs: ["list", "worker", "secondHandle"],
    upstream: ["179"],
    test: async (t) => {
      const elsewhere = await t.open();
      const { result, end } = await holdTask(t, { workerId: "seen" });
      const { results } = await elsewhere.list();
      const { RUNNING } = await elsewhere.counts();
      const workers = await elsewhere.workers();
      end();
      assert.deepEqual([results[0]?.id, results[0]?.status, RUNNING], [result.id, "RUNNING", 1]);
      assert.equal(workers[0]?.workerId, "seen");
    },
  },
];
