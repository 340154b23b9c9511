import assert from "node:assert/strict";

import { SnoozeTask } from "@tasks/core";

import { createDeferred } from "../internal/deferred.ts";
import { SHORT_LEASE_MS } from "../internal/lease.ts";
import type { Requirement } from "../requirement.ts";

/** The loop: what it takes, how many at once, and when it ends. */
export const workerRequirements: readonly Requirement[] = [
  {
    id: "worker.same-id-twice",
    sentence: "Two workers of one id run side by side and do not disturb each other.",
    needs: ["worker", "wait"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await task.enqueueMany(Array.from({ length: 10 }, (_, n) => [n]));
      const options = { workerId: "twin", concurrency: 1 };
      await Promise.all([t.startWorker(options), t.startWorker(options)]);
      await Promise.all(results.map((result) => t.wait(result)));
      assert.deepEqual(new Set(results.map(({ attempts }) => attempts)), new Set([1]));
    },
  },
  {
    id: "worker.creating-runs-nothing",
    sentence: "Creating a worker runs no task and registers no session.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await t.backend.createWorker({ queueNames: ["*"] });
      assert.equal((await result.refresh()).status, "READY");
      if (t.supports.list) assert.deepEqual(await t.backend.workers(), []);
    },
  },
  {
    id: "worker.batch-of-nothing",
    sentence: "With batch a worker that finds nothing ends.",
    needs: ["worker"],
    upstream: ["184", "192"],
    test: (t) => t.drain({ intervalMs: 60_000 }),
  },
  {
    id: "worker.batch",
    sentence: "With batch a worker ends when nothing is ready, and everything is recorded by then.",
    needs: ["worker", "getResult"],
    upstream: ["190"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await task.enqueueMany(Array.from({ length: 50 }, (_, n) => [n]));
      await t.drain();
      await Promise.all(results.map((result) => result.refresh()));
      assert.deepEqual(
        results.map(({ returnValue }) => returnValue as number),
        Array.from({ length: 50 }, (_, n) => n),
      );
    },
  },
  {
    id: "worker.batch-runs-what-tasks-enqueue",
    sentence: "With batch a worker also runs what its tasks enqueue.",
    needs: ["worker"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task(async (n: number) => {
        seen.push(n);
        if (n > 0) await task.enqueue(n - 1);
      });
      await task.enqueue(5);
      await t.drain();
      assert.deepEqual(seen, [5, 4, 3, 2, 1, 0]);
    },
  },
  {
    id: "worker.batch-runs-retries",
    sentence: "With batch a worker also runs a retry and a snooze that are due at once.",
    needs: ["worker", "getResult", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      let runs = 0;
      const task = t.task({ maxAttempts: 3, backoff }, () => {
        runs += 1;
        if (runs === 1) throw new Error("on purpose");
        if (runs === 2) throw new SnoozeTask({ delayMs: 0 });
      });
      const result = await task.enqueue();
      await t.drain();
      assert.deepEqual([(await result.refresh()).status, runs], ["SUCCESSFUL", 3]);
    },
  },
  {
    id: "worker.max-tasks",
    sentence: "With maxTasks a worker ends after that many attempts and leaves the rest READY.",
    needs: ["worker", "list"],
    upstream: ["218"],
    test: async (t) => {
      await t.task((n: number) => n).enqueueMany([[1], [2], [3], [4], [5]]);
      await t.drain({ batch: false, maxTasks: 2 });
      const { READY, RUNNING, SUCCESSFUL } = await t.backend.counts();
      assert.deepEqual([READY, RUNNING, SUCCESSFUL], [3, 0, 2]);
    },
  },
  {
    id: "worker.max-tasks-of-short-tasks",
    sentence:
      "maxTasks holds while short tasks are claimed ahead: no attempt more, and nothing is left RUNNING or counted.",
    needs: ["worker", "list", "getResult"],
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => void (runs += 1));
      await task.enqueueMany(Array.from({ length: 300 }, () => []));
      await t.drain({ maxTasks: 150, concurrency: 2 });
      const { READY, RUNNING, SUCCESSFUL } = await t.backend.counts();
      assert.deepEqual([runs, READY, RUNNING, SUCCESSFUL], [150, 150, 0, 150]);
      const left = (await t.backend.list({ status: "READY", limit: 1000 })).results;
      assert.deepEqual(new Set(left.map(({ attempts }) => attempts)), new Set([0]));
    },
  },
  {
    id: "worker.max-tasks-counts-failures",
    sentence: "Failed attempts count toward maxTasks.",
    needs: ["worker", "list"],
    upstream: ["218"],
    test: async (t) => {
      const task = t.task(() => {
        throw new Error("on purpose");
      });
      await task.enqueueMany([[], [], []]);
      await t.drain({ batch: false, maxTasks: 2, concurrency: 1 });
      const { READY, FAILED } = await t.backend.counts();
      assert.deepEqual([READY, FAILED], [1, 2]);
    },
  },
  {
    id: "worker.concurrency",
    sentence: "A worker runs `concurrency` tasks at once, and no more.",
    needs: ["worker"],
    test: async (t) => {
      let running = 0;
      let most = 0;
      const full = createDeferred();
      const task = t.task(async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) full.resolve();
        await full.promise;
        await new Promise(setImmediate);
        running -= 1;
      });
      await task.enqueueMany(Array.from({ length: 9 }, () => []));
      await t.drain({ concurrency: 3 });
      assert.equal(most, 3);
    },
  },
  {
    id: "worker.one-at-a-time",
    sentence: "With a concurrency of 1 tasks never overlap.",
    needs: ["worker"],
    test: async (t) => {
      let running = 0;
      let most = 0;
      const task = t.task(async () => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running -= 1;
      });
      await task.enqueueMany(Array.from({ length: 10 }, () => []));
      await t.drain({ concurrency: 1 });
      assert.equal(most, 1);
    },
  },
  {
    id: "worker.exactly-once",
    sentence: "Four workers drain two hundred tasks, each exactly once.",
    needs: ["worker", "getResult"],
    upstream: ["180", "185", "226", "C1"],
    test: async (t) => {
      const runs = new Map<number, number>();
      const task = t.task((n: number) => void runs.set(n, (runs.get(n) ?? 0) + 1));
      const results = await task.enqueueMany(Array.from({ length: 200 }, (_, n) => [n]));
      await Promise.all([5, 5, 5, 5].map((concurrency) => t.drain({ concurrency })));
      await t.finish(...results);
      assert.equal(runs.size, 200);
      assert.deepEqual(new Set(runs.values()), new Set([1]));
      assert.deepEqual(new Set(results.map(({ attempts }) => attempts)), new Set([1]));
    },
  },
  {
    id: "worker.exactly-once-across-processes",
    sentence: "Workers of several processes drain two hundred tasks, each exactly once.",
    needs: ["worker", "getResult", "secondHandle"],
    upstream: ["226", "C1"],
    test: async (t) => {
      const handles = [t.backend, await t.open(), await t.open()];
      const runs = new Map<number, number>();
      const task = t.task((n: number) => void runs.set(n, (runs.get(n) ?? 0) + 1));
      const results = await task.enqueueMany(Array.from({ length: 200 }, (_, n) => [n]));
      await Promise.all(handles.map((handle) => t.drain({ concurrency: 5 }, handle)));
      await t.finish(...results);
      assert.equal(runs.size, 200);
      assert.deepEqual(new Set(runs.values()), new Set([1]));
    },
  },
  {
    id: "worker.exactly-once-while-enqueueing",
    sentence: "Tasks that arrive while workers run each run exactly once.",
    needs: ["worker", "wait"],
    upstream: ["C1"],
    test: async (t) => {
      const runs = new Map<number, number>();
      const task = t.task((n: number) => void runs.set(n, (runs.get(n) ?? 0) + 1));
      await Promise.all([t.startWorker({ concurrency: 3 }), t.startWorker({ concurrency: 3 })]);
      const numbers = Array.from({ length: 60 }, (_, n) => n);
      const results = await Promise.all(numbers.map((n) => task.enqueue(n)));
      await Promise.all(results.map((result) => t.wait(result)));
      assert.deepEqual(
        numbers.map((n) => runs.get(n)),
        numbers.map(() => 1),
      );
    },
  },
  {
    id: "worker.wakes-up",
    sentence: "An idle worker takes a new task within its interval.",
    needs: ["worker", "wait"],
    test: async (t) => {
      await t.drain();
      await t.startWorker({ intervalMs: 50 });
      for (let n = 0; n < 3; n++) {
        const result = await t.task(() => n).enqueue();
        await t.wait(result);
      }
    },
  },
  {
    id: "worker.survives-failures",
    sentence: "A worker continues after tasks that fail in every way.",
    needs: ["worker", "getResult"],
    upstream: ["198", "213", "215", "224", "C6"],
    test: async (t) => {
      const ways = [
        () => null!,
        () => Promise.reject(new Error("rejected")),
        () => {
          throw null;
        },
        () => ({ toJSON: 1n }),
        () => new Proxy({}, { ownKeys: () => ["a", "a"] }),
      ];
      const task = t.task((n: number) => ways[n]!());
      for (const n of ways.keys()) await task.enqueue(n);
      const last = await t.task(() => "still here").enqueue();
      await t.drain({ concurrency: 1 });
      assert.equal((await last.refresh()).returnValue, "still here");
    },
  },
  {
    id: "worker.runs-once",
    sentence: "A worker runs once; a second run() rejects.",
    needs: ["worker"],
    test: async (t) => {
      const worker = await t.backend.createWorker({ batch: true });
      await worker.run();
      await assert.rejects(async () => worker.run());
    },
  },
  {
    id: "worker.busy-task-keeps-its-lease",
    sentence: "A task that keeps the event loop busy for longer than the lease runs once.",
    needs: ["worker", "wait", "shortLease"],
    leaseMs: SHORT_LEASE_MS,
    alone: true,
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => {
        runs += 1;
        // Holds up the event loop as a computation would, but not the processor.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
      });
      const result = await task.enqueue();
      await t.startWorker({ workerId: "busy" });
      await t.wait(result);
      assert.deepEqual([result.status, result.attempts, runs], ["SUCCESSFUL", 1, 1]);
    },
  },
  {
    id: "worker.startup-delay",
    sentence: "With startupDelay a worker waits no longer than its interval before it begins.",
    needs: ["worker", "wait"],
    test: async (t) => {
      await t.startWorker({ startupDelay: true, intervalMs: 50 });
      const result = await t.task(() => 1).enqueue();
      await t.wait(result);
      assert.equal(result.status, "SUCCESSFUL");
    },
  },
];
