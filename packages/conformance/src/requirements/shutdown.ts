import assert from "node:assert/strict";

import { WorkerStopping, type WorkerOptions } from "@tasks/core";

import { until, within } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import { startIdleWorker } from "../internal/idle-worker.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Stopping a worker, gracefully and at the deadline. */
export const shutdownRequirements: readonly Requirement[] = [
  {
    id: "shutdown.idle",
    sentence: "stop() ends an idle worker; run() and stop() resolve.",
    needs: ["worker"],
    test: async (t) => {
      const options = { intervalMs: 60_000, shutdownTimeoutMs: 60_000 };
      const { worker, done } = await startIdleWorker(t, options);
      await within(3000, "stop() resolves", worker.stop());
      await within(1000, "run() resolves", done);
    },
  },
  {
    id: "shutdown.twice",
    sentence: "stop() may be called again and again, at once and afterwards.",
    needs: ["worker"],
    test: async (t) => {
      const { worker } = await t.startWorker();
      await within(3000, "all resolve", Promise.all([worker.stop(), worker.stop()]));
      await within(1000, "also afterwards", worker.stop());
    },
  },
  {
    id: "shutdown.before-run",
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
    id: "shutdown.dispose",
    sentence: "Disposing a worker stops it.",
    needs: ["worker"],
    test: async (t) => {
      const { worker, done } = await t.startWorker({ intervalMs: 60_000 });
      await worker[Symbol.asyncDispose]();
      await within(1000, "run() resolves", done);
    },
  },
  {
    id: "shutdown.waits",
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
    id: "shutdown.claims-no-more",
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
    id: "shutdown.gives-back",
    sentence: "A stopping worker gives back what it claimed ahead, as if it had not been claimed.",
    needs: ["worker", "list", "getResult"],
    test: async (t) => {
      const stop = createDeferred();
      let runs = 0;
      const task = t.task(async () => {
        runs += 1;
        if (runs === 100) stop.resolve();
        await new Promise(setImmediate);
      });
      const results = await task.enqueueMany(Array.from({ length: 600 }, () => []));
      const { worker } = await t.startWorker({ concurrency: 2, shutdownTimeoutMs: 10_000 });
      await stop.promise;
      await within(8000, "the worker stops", worker.stop());
      const { READY, RUNNING, SUCCESSFUL } = await t.backend.counts();
      assert.deepEqual([READY + SUCCESSFUL, RUNNING, SUCCESSFUL], [results.length, 0, runs]);
      const left = (await t.backend.list({ status: "READY", limit: 1000 })).results;
      assert.deepEqual(new Set(left.map(({ attempts }) => attempts)), new Set([0]));
      assert.deepEqual(new Set(left.map(({ startedAt }) => startedAt)), new Set([null]));
    },
  },
  {
    id: "shutdown.deadline-signal",
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
    id: "shutdown.deadline-releases",
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
    id: "shutdown.deadline-releases-deaf-tasks",
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
    id: "shutdown.deadline-runs-elsewhere",
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
    id: "shutdown.deadline-keeps-place",
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
    id: "shutdown.during-startup-delay",
    sentence: "A worker in its startup delay stops at once.",
    needs: ["worker"],
    test: async (t) => {
      const { worker } = await t.startWorker({ startupDelay: true, intervalMs: 86_400_000 });
      await within(2000, "the worker stops", worker.stop());
    },
  },
];

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
