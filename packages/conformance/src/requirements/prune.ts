import assert from "node:assert/strict";

import { InvalidOption, type PruneOptions, type TaskResult } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

const HOUR_MS = 3_600_000;

/** Deleting what is finished. */
export const pruneRequirements: readonly Requirement[] = [
  {
    id: "prune.finished",
    sentence: "prune() deletes finished results that are old enough and says how many.",
    needs: ["list", "worker"],
    upstream: ["227"],
    test: async (t) => {
      await finished(t, 2, 1);
      assert.equal(await prune(t, { minAgeMs: 0 }), 3);
      assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "prune.keeps-ready",
    sentence: "prune() never deletes READY results, however old.",
    needs: ["list", "queued"],
    upstream: ["228"],
    test: async (t) => {
      await t.task(() => null).enqueue();
      assert.equal(await prune(t, { minAgeMs: 0 }), 0);
      assert.equal((await t.backend.counts()).READY, 1);
    },
  },
  {
    id: "prune.keeps-retrying",
    sentence: "prune() never deletes a result that waits for its next attempt.",
    needs: ["list", "worker", "retry"],
    upstream: ["228"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: HOUR_MS, jitter: 0 } as const;
      const task = t.task({ maxAttempts: 2, backoff }, () => {
        throw new Error("later");
      });
      await task.enqueue();
      await t.drain();
      assert.equal(await prune(t, { minAgeMs: 0 }), 0);
    },
  },
  {
    id: "prune.keeps-running",
    sentence: "prune() never deletes RUNNING results.",
    needs: ["list", "worker"],
    upstream: ["229"],
    test: async (t) => {
      const started = createDeferred();
      const end = createDeferred();
      const task = t.task(async () => {
        started.resolve();
        await end.promise;
      });
      await task.enqueue();
      await t.startWorker();
      await started.promise;
      const deleted = await prune(t, { minAgeMs: 0 });
      const { RUNNING } = await t.backend.counts();
      end.resolve();
      assert.deepEqual([deleted, RUNNING], [0, 1]);
    },
  },
  {
    id: "prune.min-age",
    sentence: "Results younger than minAgeMs stay.",
    needs: ["list", "worker"],
    upstream: ["232"],
    test: async (t) => {
      await finished(t, 1, 1);
      assert.equal(await prune(t, { minAgeMs: HOUR_MS }), 0);
    },
  },
  {
    id: "prune.default-age",
    sentence: "Without options results of the last fourteen days stay.",
    needs: ["list", "worker"],
    upstream: ["232"],
    test: async (t) => {
      await finished(t, 1, 1);
      assert.equal(await t.backend.prune(), 0);
    },
  },
  {
    id: "prune.bad-options",
    sentence: "prune() refuses bad values, and deletes nothing.",
    needs: ["list", "worker"],
    test: async (t) => {
      await finished(t, 1, 1);
      const old = { minAgeMs: 0 };
      for (const bad of [
        { minAgeMs: -1 },
        { failedMinAgeMs: NaN },
        { batchSize: 0 },
        { batchSize: 1.5 },
      ]) {
        await assert.rejects(async () => t.backend.prune({ ...old, ...bad }), InvalidOption);
      }
      assert.equal((await t.backend.list()).results.length, 2);
    },
  },
  {
    id: "prune.unknown-options",
    sentence: "prune() refuses an option it does not know, and deletes nothing.",
    needs: ["list", "worker"],
    test: async (t) => {
      await finished(t, 1, 1);
      const mistyped = { minAgeMs: 0, dryrun: true } as PruneOptions;
      await assert.rejects(async () => t.backend.prune(mistyped), InvalidOption);
      assert.equal((await t.backend.list()).results.length, 2);
    },
  },
  {
    id: "prune.failed-stay-longer",
    sentence: "With a longer failedMinAgeMs only successful results are deleted.",
    needs: ["list", "worker"],
    upstream: ["233"],
    test: async (t) => {
      await finished(t, 1, 1);
      assert.equal(await prune(t, { minAgeMs: 0, failedMinAgeMs: HOUR_MS }), 1);
      assert.equal((await t.backend.counts()).FAILED, 1);
    },
  },
  {
    id: "prune.failed-go-sooner",
    sentence: "With a shorter failedMinAgeMs, 0 included, only failed results are deleted.",
    needs: ["list", "worker"],
    upstream: ["233"],
    test: async (t) => {
      await finished(t, 1, 1);
      assert.equal(await prune(t, { minAgeMs: HOUR_MS, failedMinAgeMs: 0 }), 1);
      assert.equal((await t.backend.counts()).SUCCESSFUL, 1);
    },
  },
  {
    id: "prune.all-queues",
    sentence: "By default results of all queues are deleted.",
    needs: ["list", "worker", "queues"],
    upstream: ["231", "P1"],
    test: async (t) => {
      await onQueues(t);
      assert.equal(await prune(t, { minAgeMs: 0 }), 2);
    },
  },
  {
    id: "prune.some-queues",
    sentence: "queueNames limits it to these queues.",
    needs: ["list", "worker", "queues"],
    upstream: ["230"],
    test: async (t) => {
      await onQueues(t);
      assert.equal(await prune(t, { minAgeMs: 0, queueNames: ["a", "nobody"] }), 1);
      assert.deepEqual(
        (await t.backend.list()).results.map(({ queueName }) => queueName),
        ["b"],
      );
    },
  },
  {
    id: "prune.dry-run",
    sentence: "With dryRun it counts and deletes nothing.",
    needs: ["list", "worker"],
    test: async (t) => {
      await finished(t, 2, 0);
      assert.equal(await prune(t, { minAgeMs: 0, dryRun: true }), 2);
      assert.equal((await t.backend.counts()).SUCCESSFUL, 2);
    },
  },
  {
    id: "prune.dry-run-tells-the-truth",
    sentence: "With every filter and age dryRun gives the number that the same call then deletes.",
    needs: ["list", "worker", "queues"],
    test: async (t) => {
      const succeed = t.task(() => null);
      const fail = t.task(() => {
        throw new Error("on purpose");
      });
      const every: readonly PruneOptions[] = [
        { minAgeMs: 0, queueNames: ["a"] },
        { minAgeMs: HOUR_MS, failedMinAgeMs: 0, queueNames: ["b", "c"] },
        { minAgeMs: 0, failedMinAgeMs: HOUR_MS, queueNames: ["b"] },
        { minAgeMs: HOUR_MS },
        { minAgeMs: HOUR_MS, failedMinAgeMs: 0 },
        { minAgeMs: 0, failedMinAgeMs: HOUR_MS },
        { minAgeMs: 0 },
      ];
      for (const [n, queueName] of ["a", "b", "c"].entries()) {
        for (let count = 0; count <= n; count++) await succeed.using({ queueName }).enqueue();
        for (let count = 0; count <= 2 * n; count++) await fail.using({ queueName }).enqueue();
        await succeed.using({ queueName }).enqueue();
      }
      await t.drain({ queueNames: ["*"] });
      const told: number[] = [];
      const deleted: number[] = [];
      for (const options of every) {
        told.push(await prune(t, { ...options, dryRun: true }));
        deleted.push(await prune(t, options));
      }
      assert.deepEqual(told, deleted, "dry runs, and what was deleted");
      assert.deepEqual(deleted, [3, 8, 3, 0, 0, 4, 0]);
    },
  },
  {
    id: "prune.dry-run-of-some",
    sentence:
      "dryRun counts only results that are old enough, also beside younger ones in the same queue.",
    needs: ["list", "worker"],
    test: async (t) => {
      const { timeResolutionMs } = t.supports;
      // A machine that stalls between the ends and the count shows nothing: then with a longer
      // wait.
      for (const waitMs of [300, 1500, 6000]) {
        await finished(t, 2, 0);
        const betweenMs = t.backend.now().getTime();
        await t.untilTime(betweenMs + waitMs + 3 * timeResolutionMs);
        await finished(t, 3, 0);
        const startedMs = t.backend.now().getTime();
        const minAgeMs = startedMs - betweenMs - timeResolutionMs;
        const told = await prune(t, { minAgeMs, dryRun: true });
        if (t.backend.now().getTime() - startedMs < waitMs) {
          assert.equal(told, 2);
          return;
        }
        await prune(t, { minAgeMs: 0 });
      }
    },
  },
  {
    id: "prune.age-from-the-end",
    sentence: "The age of a result counts from its end, not from its enqueue or start.",
    needs: ["list", "worker"],
    test: async (t) => {
      // A machine that stalls between the end and the prune shows nothing: then with a longer wait.
      for (const waitMs of [300, 1500, 6000]) {
        const result = await t.task(() => null).enqueue();
        await t.untilTime(result.enqueuedAt.getTime() + waitMs + t.supports.timeResolutionMs);
        const startedMs = t.backend.now().getTime();
        await t.drain();
        await t.backend.prune({ minAgeMs: waitMs, failedMinAgeMs: waitMs });
        if (t.backend.now().getTime() - startedMs >= waitMs) continue;
        const { results } = await t.backend.list({ taskName: result.taskName });
        assert.ok(
          results.some(({ id }) => id === result.id),
          `prune() with an age of ${waitMs} ms keeps a result that ended less than that ago`,
        );
        return;
      }
    },
  },
  {
    id: "prune.batches",
    sentence:
      "With a batchSize it deletes in batches, says how far it is after each, and deletes all.",
    needs: ["list", "worker"],
    upstream: ["P1"],
    test: async (t) => {
      await finished(t, 7, 0);
      const steps: [number, number][] = [];
      const onProgress = (deleted: number, total: number): void =>
        void steps.push([deleted, total]);
      assert.equal(await prune(t, { minAgeMs: 0, batchSize: 3, onProgress }), 7);
      assert.deepEqual(steps, [
        [3, 7],
        [6, 7],
        [7, 7],
      ]);
    },
  },
  {
    id: "prune.stops-between-batches",
    sentence: "Its signal stops it between two batches; what is deleted stays deleted.",
    needs: ["list", "worker"],
    test: async (t) => {
      await finished(t, 6, 0);
      const controller = new AbortController();
      const { signal } = controller;
      const onProgress = (): void => controller.abort();
      await Promise.allSettled([prune(t, { minAgeMs: 0, batchSize: 2, onProgress, signal })]);
      assert.equal((await t.backend.counts()).SUCCESSFUL, 4);
    },
  },
  {
    id: "prune.oldest-first",
    sentence: "The oldest go first.",
    needs: ["list", "worker"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const results: TaskResult[] = [];
      for (const n of [1, 2, 3]) {
        const result = await t.run(task, n);
        results.push(result);
        await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
      }
      const controller = new AbortController();
      const { signal } = controller;
      const onProgress = (): void => controller.abort();
      await Promise.allSettled([prune(t, { minAgeMs: 0, batchSize: 1, onProgress, signal })]);
      const left = (await t.backend.list()).results.map(({ args }) => args[0]);
      assert.deepEqual(left, [3, 2]);
    },
  },
  {
    id: "prune.side-by-side",
    sentence: "Calls at the same time delete each result once, and all of them.",
    needs: ["list", "worker"],
    test: async (t) => {
      await finished(t, 20, 0);
      const calls = Array.from({ length: 4 }, () => prune(t, { minAgeMs: 0, batchSize: 2 }));
      const counts = await Promise.all(calls);
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        20,
      );
      assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "prune.retention",
    sentence:
      "A worker with retention deletes what is old enough by itself, and nothing that waits.",
    needs: ["list", "worker", "defer"],
    test: async (t) => {
      await finished(t, 2, 1);
      const waiting = await t
        .task(() => null)
        .using({ runAfter: { hours: 1 } })
        .enqueue();
      await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
      await t.drain({ retention: { minAgeMs: 0 } });
      const { results } = await t.backend.list();
      assert.deepEqual(
        results.map(({ id }) => id),
        [waiting.id],
      );
    },
  },
  {
    id: "prune.retention-meanwhile",
    sentence: "Retention continues while the worker runs, and keeps failures for their own age.",
    needs: ["list", "worker"],
    test: async (t) => {
      await t.startWorker({
        retention: { minAgeMs: 0, failedMinAgeMs: HOUR_MS, everyMs: 100 },
      });
      await t.task(() => null).enqueue();
      await t
        .task(() => {
          throw new Error("on purpose");
        })
        .enqueue();
      await until("The successful one is deleted, the failed one kept", async () => {
        const { FAILED, READY, RUNNING, SUCCESSFUL } = await t.backend.counts();
        return FAILED === 1 && READY + RUNNING + SUCCESSFUL === 0;
      });
    },
  },
  {
    id: "prune.nothing",
    sentence: "Pruning an empty store deletes nothing.",
    needs: ["list"],
    test: async (t) => assert.equal(await t.backend.prune({ minAgeMs: 0 }), 0),
  },
];

/** Leaves some successful and some failed results behind. */
async function finished(t: Scope, successful: number, failed: number): Promise<void> {
  const succeed = t.task(() => null);
  const fail = t.task(() => {
    throw new Error("on purpose");
  });
  for (let n = 0; n < successful; n++) await succeed.enqueue();
  for (let n = 0; n < failed; n++) await fail.enqueue();
  await t.drain();
}

/** Leaves one finished result on each of the queues a and b. */
async function onQueues(t: Scope): Promise<void> {
  const task = t.task(() => null);
  for (const queueName of ["a", "b"]) await task.using({ queueName }).enqueue();
  await t.drain({ queueNames: ["*"] });
}

/** An age of 0 means older than now, which a coarse clock reaches only after a moment. */
async function prune(t: Scope, options: PruneOptions): Promise<number> {
  await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
  return t.backend.prune(options);
}
