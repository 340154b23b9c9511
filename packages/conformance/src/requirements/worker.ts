import assert from "node:assert/strict";

import { InvalidTask, WorkerStopping, type WorkerOptions } from "@tasks/core";

import { until, within } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** The loop: what it takes, how many at once, and when it ends. */
export const workerRequirements: readonly Requirement[] = [
  refuses("empty-id", { workerId: "" }, /Worker id must not be empty/),
  refuses("long-id", { workerId: "w".repeat(65) }, /Worker ids must be shorter than 64 characters/),
  refuses("exclude-without-all", { excludeQueues: ["a"] }, /excludeQueues/, ["196"]),
  refuses("no-queues", { queueNames: [] }, /queueNames/),
  refuses("bad-queue-name", { queueNames: ["a b"] }, /Queue name/),
  refuses("zero-concurrency", { concurrency: 0 }, /concurrency/),
  refuses("negative-interval", { intervalMs: -1 }, /intervalMs/, ["204"]),
  refuses("infinite-interval", { intervalMs: Infinity }, /intervalMs/, ["205"]),
  refuses("zero-max-tasks", { maxTasks: 0 }, /maxTasks/, ["207"]),
  refuses("negative-shutdown-timeout", { shutdownTimeoutMs: -1 }, /shutdownTimeoutMs/),
  {
    id: "worker.fractional-interval",
    sentence: "An interval may be a fraction of a millisecond, or nothing.",
    needs: ["worker"],
    upstream: ["206"],
    test: async (t) => {
      await t.drain({ intervalMs: 0.1 });
      await t.drain({ intervalMs: 0 });
    },
  },
  {
    id: "worker.id",
    sentence:
      "A worker has the id it was given, 64 characters included, and its attempts carry it.",
    needs: ["worker", "getResult"],
    upstream: ["222"],
    test: async (t) => {
      const workerId = "w".repeat(64);
      const result = await t.task(() => null).enqueue();
      await t.drain({ workerId });
      assert.deepEqual((await result.refresh()).workerIds, [workerId]);
    },
  },
  {
    id: "worker.default-id",
    sentence: "Without an id a worker makes one of 1 to 64 characters, another one each time.",
    needs: ["worker"],
    test: async (t) => {
      const workers = [await t.backend.createWorker(), await t.backend.createWorker()];
      const ids = workers.map(({ workerId }) => workerId);
      for (const id of ids) assert.ok(id.length >= 1 && id.length <= 64, id);
      assert.notEqual(ids[0], ids[1]);
    },
  },
  {
    id: "worker.same-id-twice",
    sentence: "Two workers of one id run side by side and disturb each other not.",
    needs: ["worker", "wait"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results = await task.enqueueMany(Array.from({ length: 10 }, (_, n) => [n]));
      const options = { workerId: "twin", concurrency: 1 };
      await Promise.all([t.startWorker(options), t.startWorker(options)]);
      await Promise.all(results.map((result) => result.wait({ timeoutMs: 10_000 })));
      assert.deepEqual(new Set(results.map(({ attempts }) => attempts)), new Set([1]));
    },
  },
  {
    id: "worker.creating-runs-nothing",
    sentence: "Creating a worker runs nothing and announces nobody.",
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
      await Promise.all(results.map((result) => result.wait({ timeoutMs: 10_000 })));
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
        await result.wait({ timeoutMs: 3000 });
      }
    },
  },
  {
    id: "worker.own-queue",
    sentence: "A worker serves only its queues; `default` when none are named.",
    needs: ["worker", "queues", "getResult"],
    upstream: ["250"],
    test: async (t) => {
      const task = t.task(() => null);
      const own = await task.enqueue();
      const other = await task.using({ queueName: "other" }).enqueue();
      await t.drain();
      assert.equal((await own.refresh()).status, "SUCCESSFUL");
      assert.equal((await other.refresh()).status, "READY");
      await t.drain({ queueNames: ["other"] });
      assert.equal((await other.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "worker.similar-queue",
    sentence: "Queues whose names resemble each other are not mixed up.",
    needs: ["worker", "queues", "getResult"],
    upstream: ["250"],
    test: async (t) => {
      const task = t.task(() => null);
      const names = ["a", "A", "ab", "a_", "a.", "a-"];
      const results = [];
      for (const queueName of names) results.push(await task.using({ queueName }).enqueue());
      await t.drain({ queueNames: ["a"] });
      const statuses = [];
      for (const result of results) statuses.push((await result.refresh()).status);
      assert.deepEqual(statuses, ["SUCCESSFUL", ...names.slice(1).map(() => "READY")]);
    },
  },
  {
    id: "worker.some-queues",
    sentence: "A worker of several queues serves these and no others.",
    needs: ["worker", "queues", "list"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const queueName of ["a", "b", "c"]) await task.using({ queueName }).enqueue();
      await t.drain({ queueNames: ["a", "c", "empty"] });
      const { results } = await t.backend.list({ status: "READY" });
      assert.deepEqual(
        results.map(({ queueName }) => queueName),
        ["b"],
      );
    },
  },
  {
    id: "worker.all-queues",
    sentence: 'A worker of ["*"] serves every queue.',
    needs: ["worker", "queues", "list"],
    upstream: ["194"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const queueName of ["default", "a", "b"]) await task.using({ queueName }).enqueue();
      await t.drain({ queueNames: ["*"] });
      assert.equal((await t.backend.counts()).SUCCESSFUL, 3);
    },
  },
  {
    id: "worker.all-queues-notices-new",
    sentence: 'A running worker of ["*"] serves a queue that was not there when it started.',
    needs: ["worker", "queues", "wait"],
    upstream: ["194"],
    test: async (t) => {
      await t.startWorker({ queueNames: ["*"], intervalMs: 50 });
      const result = await t
        .task(() => 1)
        .using({ queueName: "brand-new" })
        .enqueue();
      await result.wait({ timeoutMs: 5000 });
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "worker.excluded-queues",
    sentence: "Excluded queues are left alone.",
    needs: ["worker", "queues", "list"],
    upstream: ["195"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const queueName of ["a", "b", "c"]) await task.using({ queueName }).enqueue();
      await t.drain({ queueNames: ["*"], excludeQueues: ["b"] });
      const { results } = await t.backend.list({ status: "READY" });
      assert.deepEqual(
        results.map(({ queueName }) => queueName),
        ["b"],
      );
    },
  },
  {
    id: "worker.excluded-unknown-queue",
    sentence: "Excluding a queue that does not exist is harmless.",
    needs: ["worker", "queues", "getResult"],
    upstream: ["197"],
    test: async (t) => {
      const result = await t
        .task(() => 1)
        .using({ queueName: "a" })
        .enqueue();
      await t.drain({ queueNames: ["*"], excludeQueues: ["nobody"] });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "worker.survives-failures",
    sentence: "A worker goes on after tasks that fail in every way.",
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
    id: "worker.stop",
    sentence: "stop() ends an idle worker; run() and stop() resolve.",
    needs: ["worker"],
    test: async (t) => {
      const { worker, done } = await t.startWorker({ intervalMs: 60_000 });
      await within(3000, "stop() resolves", worker.stop());
      await within(1000, "run() resolves", done);
    },
  },
  {
    id: "worker.stop-twice",
    sentence: "stop() may be called again and again, at once and afterwards.",
    needs: ["worker"],
    test: async (t) => {
      const { worker } = await t.startWorker();
      await within(3000, "all resolve", Promise.all([worker.stop(), worker.stop()]));
      await within(1000, "also afterwards", worker.stop());
    },
  },
  {
    id: "worker.stop-before-run",
    sentence: "stop() of a worker that never ran resolves, and its run() does nothing.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const worker = await t.backend.createWorker();
      await within(1000, "stop() resolves", worker.stop());
      await within(3000, "run() settles", Promise.allSettled([worker.run()]));
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "worker.dispose",
    sentence: "Disposing a worker stops it.",
    needs: ["worker"],
    test: async (t) => {
      const { worker, done } = await t.startWorker({ intervalMs: 60_000 });
      await worker[Symbol.asyncDispose]();
      await within(1000, "run() resolves", done);
    },
  },
  {
    id: "worker.stop-waits",
    sentence: "A graceful stop lets running tasks end, and records them.",
    needs: ["worker", "getResult"],
    upstream: ["221", "C3"],
    test: async (t) => {
      const { result, running, end } = await startOne(t);
      const stopping = running.worker.stop();
      end();
      await stopping;
      await result.refresh();
      assert.deepEqual([result.status, result.attempts], ["SUCCESSFUL", 1]);
    },
  },
  {
    id: "worker.stop-claims-no-more",
    sentence: "A stopping worker begins no more tasks.",
    needs: ["worker", "getResult"],
    upstream: ["221"],
    test: async (t) => {
      const { running, end } = await startOne(t, { concurrency: 1 });
      const waiting = await t.task(() => null).enqueue();
      const stopping = running.worker.stop();
      end();
      await stopping;
      await waiting.refresh();
      assert.deepEqual([waiting.status, waiting.attempts, waiting.startedAt], ["READY", 0, null]);
    },
  },
  {
    id: "worker.deadline-signal",
    sentence: "At the shutdown deadline the signals of running tasks fire with WorkerStopping.",
    needs: ["worker"],
    upstream: ["222", "C3"],
    test: async (t) => {
      const reason = createDeferred<unknown>();
      const { running } = await startOne(t, { shutdownTimeoutMs: 30 }, reason);
      await within(5000, "the worker stops", running.worker.stop());
      assert.ok(WorkerStopping.is(await reason.promise));
    },
  },
  {
    id: "worker.deadline-releases",
    sentence: "A task that was stopped at the deadline is READY again and no attempt is counted.",
    needs: ["worker", "getResult"],
    upstream: ["C3"],
    test: async (t) => {
      const { result, running } = await startOne(t, { shutdownTimeoutMs: 30 });
      await within(5000, "the worker stops", running.worker.stop());
      await result.refresh();
      const { status, attempts, workerIds, errors, startedAt } = result;
      assert.deepEqual(
        { status, attempts, workerIds, errors, startedAt },
        { status: "READY", attempts: 0, workerIds: [], errors: [], startedAt: null },
      );
    },
  },
  {
    id: "worker.deadline-releases-deaf-tasks",
    sentence:
      "A task that ignores the deadline is released too, and what it returns later counts for nothing.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const started = createDeferred();
      const end = createDeferred<string>();
      const task = t.task(() => {
        started.resolve();
        return end.promise;
      });
      const result = await task.enqueue();
      const running = await t.startWorker({ shutdownTimeoutMs: 30 });
      await started.promise;
      await within(5000, "the worker stops", running.worker.stop());
      end.resolve("too late");
      await new Promise(setImmediate);
      await result.refresh();
      assert.deepEqual([result.status, result.attempts], ["READY", 0]);
    },
  },
  {
    id: "worker.deadline-runs-elsewhere",
    sentence: "A released task runs on the next worker at once, as its first attempt.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const attempts: number[] = [];
      const started = createDeferred();
      const task = t.contextTask(async ({ attempt, signal }) => {
        attempts.push(attempt);
        started.resolve();
        if (attempts.length === 1) await rejectWhenAborted(signal);
      });
      const result = await task.enqueue();
      const running = await t.startWorker({ shutdownTimeoutMs: 30 });
      await started.promise;
      await running.worker.stop();
      await t.drain();
      await result.refresh();
      assert.deepEqual(attempts, [1, 1]);
      assert.deepEqual([result.status, result.attempts], ["SUCCESSFUL", 1]);
    },
  },
  {
    id: "worker.deadline-keeps-place",
    sentence: "A released task has its old place: it runs before what was enqueued after it.",
    needs: ["worker"],
    test: async (t) => {
      const seen: number[] = [];
      const started = createDeferred();
      const task = t.contextTask(async ({ signal }, n: number) => {
        seen.push(n);
        started.resolve();
        if (seen.length === 1) await rejectWhenAborted(signal);
      });
      await task.enqueue(1);
      const running = await t.startWorker({ shutdownTimeoutMs: 30, concurrency: 1 });
      await started.promise;
      await task.enqueue(2);
      await running.worker.stop();
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [1, 1, 2]);
    },
  },
  {
    id: "worker.busy-task-keeps-its-lease",
    sentence: "A task that keeps the event loop busy for longer than the lease runs once.",
    needs: ["worker", "wait", "shortLease"],
    alone: true,
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => {
        runs += 1;
        const until = performance.now() + 1500;
        while (performance.now() < until);
      });
      const result = await task.enqueue();
      await t.startWorker({ workerId: "busy" });
      await result.wait({ timeoutMs: 10_000 });
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
      await result.wait({ timeoutMs: 3000 });
      assert.equal(result.status, "SUCCESSFUL");
    },
  },
  {
    id: "worker.stop-during-startup-delay",
    sentence: "A worker in its startup delay stops at once.",
    needs: ["worker"],
    test: async (t) => {
      const { worker } = await t.startWorker({ startupDelay: true, intervalMs: 86_400_000 });
      await within(2000, "the worker stops", worker.stop());
    },
  },
];

function refuses(
  name: string,
  options: WorkerOptions,
  message: RegExp,
  upstream: readonly string[] = [],
): Requirement {
  const [option, value] = Object.entries(options)[0]!;
  const shown =
    typeof value === "string" && value.length > 20
      ? `${value.length} characters`
      : (JSON.stringify(value) ?? String(value));
  return {
    id: `worker.refuses-${name}`,
    sentence: `createWorker refuses ${option} ${value === Infinity ? "Infinity" : shown}.`,
    needs: ["worker"],
    upstream,
    test: async (t) => {
      await assert.rejects(async () => t.backend.createWorker(options), {
        name: InvalidTask.name,
        message,
      });
    },
  };
}

interface StartedOne {
  readonly result: Awaited<ReturnType<ReturnType<Scope["task"]>["enqueue"]>>;
  readonly running: Awaited<ReturnType<Scope["startWorker"]>>;
  readonly end: () => void;
}

/** A worker that runs one task, which ends by `end()` or rejects when its signal fires. */
async function startOne(
  t: Scope,
  options: WorkerOptions = {},
  reason = createDeferred<unknown>(),
): Promise<StartedOne> {
  const started = createDeferred();
  const end = createDeferred();
  const task = t.contextTask(async ({ signal }) => {
    signal.addEventListener("abort", () => reason.resolve(signal.reason), { once: true });
    started.resolve();
    await Promise.race([end.promise, rejectWhenAborted(signal)]);
  });
  const result = await task.enqueue();
  const running = await t.startWorker(options);
  await started.promise;
  await until("The result is taken", async () =>
    t.supports.getResult ? (await t.backend.getResult(result.id)).status === "RUNNING" : true,
  );
  return { result, running, end: () => end.resolve() };
}

async function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
  });
}
