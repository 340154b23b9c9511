import assert from "node:assert/strict";

import { TaskCancelled, TaskLost, type TaskResult } from "@tasks/core";
import type { ClaimedTask } from "@tasks/core/worker";

import { until, within } from "../internal/deadline.ts";
import { SHORT_LEASE_MS } from "../internal/lease.ts";
import { everyOutcome, retried, successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** A lease that is over soon, in milliseconds; clocks may be as coarse as a second. */
const SOON_OVER_MS = 60;

/** Workers that vanish. */
export const recoveryRequirements: readonly Requirement[] = [
  {
    id: "recovery.runs-elsewhere",
    sentence:
      "A task whose worker vanished runs on another worker by itself, within ten seconds of the end of the lease.",
    needs: ["workerStore", "wait"],
    leaseMs: SHORT_LEASE_MS,
    upstream: ["223", "C2"],
    test: async (t) => {
      const result = await t.contextTask(({ attempt }) => attempt).enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SHORT_LEASE_MS });
      await vanished.claimOne();
      await t.startWorker();
      await within(SHORT_LEASE_MS + 10_000, "The task runs on the other worker", t.wait(result));
      assert.deepEqual([result.status, result.returnValue, result.attempts], ["SUCCESSFUL", 2, 2]);
    },
  },
  {
    id: "recovery.in-another-process",
    sentence: "A worker of another process recovers the task.",
    needs: ["workerStore", "wait", "secondHandle"],
    leaseMs: SHORT_LEASE_MS,
    upstream: ["223", "C2"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task(() => "there").enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await t.startWorker({}, elsewhere);
      await t.wait(result);
      assert.equal(result.returnValue, "there");
    },
  },
  {
    id: "recovery.ready-again",
    sentence:
      "A lost attempt makes its result READY again; the attempt stays counted, without an error.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const { result } = await lose(t);
      await result.refresh();
      const { status, state, attempts, errors, finishedAt } = result;
      assert.deepEqual(
        { status, state, attempts, errors, finishedAt },
        { status: "READY", state: "retrying", attempts: 1, errors: [], finishedAt: null },
      );
    },
  },
  {
    id: "recovery.not-too-soon",
    sentence: "While its lease lasts, no other worker recovers a worker's tasks.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const leaseMs = 1500;
      const result = await t.task(() => null).enqueue();
      const alive = await StoreDriver.register(t.backend, { leaseMs });
      await alive.claimOne();
      const other = await StoreDriver.register(t.backend);
      const { lost, watchedMs } = await other.watch(0.6 * leaseMs);
      // A machine that stalled for the rest of the lease shows nothing.
      if (watchedMs >= leaseMs) return;
      assert.deepEqual(lost, []);
      assert.deepEqual(await other.claim(), []);
      assert.equal((await result.refresh()).status, "RUNNING");
    },
  },
  {
    id: "recovery.renewed",
    sentence: "A renewed lease keeps its tasks past its first end.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      // A machine that stalls for the rest of a lease shows nothing: then with a longer one.
      for (const leaseMs of [1000, 4000]) {
        const { id } = await t.task(() => null).enqueue();
        const alive = await StoreDriver.register(t.backend, { leaseMs });
        const other = await StoreDriver.register(t.backend);
        const claimed = await alive.claimOne();
        let longestMs = 0;
        for (let n = 0; n < 5; n++) {
          await alive.store.renewLease(alive.session);
          const { watchedMs } = await other.watch(0.4 * leaseMs);
          longestMs = Math.max(longestMs, watchedMs);
        }
        if (longestMs < leaseMs) {
          assert.equal((await t.backend.readRecord(id))?.status, "RUNNING");
          return;
        }
        await t.backend.cancel(id);
        await alive.complete(claimed, successful(null));
      }
    },
  },
  {
    id: "recovery.many",
    sentence:
      "One call recovers all that a dead session held, however much that is; each attempt counts once.",
    needs: ["workerStore", "getResult", "batch"],
    timeoutMs: 60_000,
    test: async (t) => {
      const count = 1200;
      const results = await t
        .task({ maxLost: 1 }, (n: number) => n)
        .enqueueMany(Array.from({ length: count }, (_, n) => [n]));
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      let held = 0;
      while (held < count) held += (await vanished.claim({ limit: 400 })).length;
      const rescuer = await StoreDriver.register(t.backend);
      await recovered(t, rescuer, results[0]!);
      const claimed = [];
      for (let part = 0; part < 3; part++) claimed.push(...(await rescuer.claim({ limit: 400 })));
      assert.equal(new Set(claimed.map(({ id }) => id)).size, count);
      assert.deepEqual(new Set(claimed.map(({ attempt }) => attempt)), new Set([2]));
    },
  },
  {
    id: "recovery.fenced-completion",
    sentence:
      "A worker that lost its attempt can record no outcome of any kind, before the next attempt begins.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      for (const outcome of everyOutcome()) {
        const { result, vanished, claimed, rescuer } = await lose(t);
        const before = (await result.refresh()).toJSON();
        assert.equal(await vanished.complete(claimed, outcome), "lost", outcome.type);
        assert.deepEqual((await result.refresh()).toJSON(), before, outcome.type);
        await rescuer.complete(await rescuer.claimOne(), successful(null));
      }
    },
  },
  {
    id: "recovery.fenced-by-the-next",
    sentence:
      "A worker that lost its attempt can record no outcome of any kind while another runs it, and the other one can.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      for (const outcome of everyOutcome()) {
        const { result, vanished, claimed, rescuer } = await lose(t);
        const next = await rescuer.claimOne();
        assert.ok(next.fence > claimed.fence, `fence ${next.fence} is above ${claimed.fence}`);
        const before = (await result.refresh()).toJSON();
        assert.equal(await vanished.complete(claimed, outcome), "lost", outcome.type);
        assert.deepEqual((await result.refresh()).toJSON(), before, outcome.type);
        assert.equal(await rescuer.complete(next, successful("true")), "recorded", outcome.type);
        assert.equal((await result.refresh()).returnValue, "true");
      }
    },
  },
  {
    id: "recovery.fenced-after-the-end",
    sentence:
      "A worker that lost its attempt cannot change the result of the next with any outcome: never two successes.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      for (const outcome of everyOutcome()) {
        const { result, vanished, claimed, rescuer } = await lose(t);
        await rescuer.complete(await rescuer.claimOne(), successful("true"));
        const before = (await result.refresh()).toJSON();
        assert.equal(await vanished.complete(claimed, outcome), "lost", outcome.type);
        assert.deepEqual((await result.refresh()).toJSON(), before, outcome.type);
      }
    },
  },
  {
    id: "recovery.fenced-own-retry",
    sentence:
      "A worker that claims a task again cannot record the outcome of its own earlier attempt.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { id } = await t.task(() => null).enqueue();
      for (const outcome of everyOutcome()) {
        const older = await driver.claimOne();
        await driver.complete(older, { type: "release" });
        const newer = await driver.claimOne();
        assert.ok(newer.fence > older.fence, `fence ${newer.fence} after ${older.fence}`);
        assert.equal(await driver.complete(older, outcome), "lost", outcome.type);
        assert.equal((await t.backend.readRecord(id))?.status, "RUNNING", outcome.type);
        await driver.complete(newer, { type: "release" });
      }
    },
  },
  {
    id: "recovery.fenced-update",
    sentence: "A worker that lost its attempt cannot store progress.",
    needs: ["workerStore", "getResult", "progress"],
    test: async (t) => {
      const { result, vanished, claimed, rescuer } = await lose(t);
      await rescuer.claimOne();
      await vanished.store.update([{ ...vanished.refOf(claimed), progress: "zombie" }]);
      assert.equal((await result.refresh()).progress, null);
    },
  },
  {
    id: "recovery.told",
    sentence: "A worker that lost its attempt is told when it asks.",
    needs: ["workerStore"],
    test: async (t) => {
      const { vanished, claimed } = await lose(t);
      const { lost } = await vanished.store.checkAttempts(vanished.session, [claimed]);
      assert.deepEqual([...lost], [claimed.id]);
    },
  },
  {
    id: "recovery.max-lost",
    sentence: "Above maxLost a task is FAILED and lost, with TaskLost.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task({ maxLost: 1 }, () => null).enqueue();
      await loseOnce(t);
      assert.equal((await result.refresh()).status, "READY");
      await loseOnce(t);
      await result.refresh();
      assert.deepEqual([result.status, result.state, result.attempts], ["FAILED", "lost", 2]);
      assert.equal(result.errors.at(-1)!.exceptionClass, TaskLost.name);
    },
  },
  {
    id: "recovery.at-most-once",
    sentence: "With a maxLost of 0 a lost task is FAILED at once and never runs again.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task({ maxLost: 0 }, () => null).enqueue();
      const failed = await loseOnce(t);
      assert.deepEqual(failed, [result.id], "recoverLost() gives what ended FAILED");
      await t.drain();
      await result.refresh();
      assert.deepEqual([result.state, result.attempts], ["lost", 1]);
      assert.ok(result.finishedAt instanceof Date);
    },
  },
  {
    id: "recovery.is-no-failure",
    sentence:
      "Lost attempts do not count toward maxAttempts: a task that was lost may fail as often as before.",
    needs: ["workerStore", "getResult", "retry"],
    test: async (t) => {
      let runs = 0;
      const backoff = { type: "fixed", delayMs: 0, jitter: 0 } as const;
      const result = await t
        .task({ maxAttempts: 2, maxLost: 5, backoff }, () => {
          runs += 1;
          if (runs === 1) throw new Error("on purpose");
          return "in the end";
        })
        .enqueue();
      await loseOnce(t);
      await loseOnce(t);
      await t.finish(result);
      const { status, returnValue, attempts } = result;
      assert.deepEqual([status, returnValue, attempts], ["SUCCESSFUL", "in the end", 4]);
    },
  },
  {
    id: "recovery.failure-is-no-loss",
    sentence: "Failed attempts do not count toward maxLost.",
    needs: ["workerStore", "getResult", "retry"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { id } = await t.task({ maxLost: 1 }, () => null).enqueue();
      for (const attempt of [1, 2]) {
        await driver.complete(await driver.claimOne(), retried("again", 0, attempt));
        await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
      }
      await loseOnce(t);
      assert.equal((await t.backend.readRecord(id))?.status, "READY");
    },
  },
  {
    id: "recovery.failure-keeps-losses",
    sentence: "A failed attempt does not reset the count of lost ones.",
    needs: ["workerStore", "getResult", "retry"],
    test: async (t) => {
      const { id } = await t.task({ maxLost: 1 }, () => null).enqueue();
      await loseOnce(t);
      const driver = await StoreDriver.register(t.backend);
      await driver.complete(await driver.claimOne(), retried("again", 0, 2));
      await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
      await loseOnce(t);
      const { status, lost } = (await t.backend.readRecord(id))!;
      assert.deepEqual([status, lost], ["FAILED", 2]);
    },
  },
  {
    id: "recovery.after-sign-off",
    sentence: "What a session still holds when it signs off is recovered at once.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const leaver = await StoreDriver.register(t.backend);
      const claimed = await leaver.claimOne();
      await leaver.store.unregister(leaver.session);
      const rescuer = await StoreDriver.register(t.backend);
      await recovered(t, rescuer, result);
      assert.equal(await leaver.complete(claimed, successful("zombie")), "lost");
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "recovery.renewal-after-sign-off",
    sentence: "A renewal that arrives after its session signed off revives nothing.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const leaver = await StoreDriver.register(t.backend);
      await leaver.claimOne();
      await leaver.store.unregister(leaver.session);
      await leaver.store.renewLease(leaver.session);
      const rescuer = await StoreDriver.register(t.backend, { workerId: "rescuer" });
      await recovered(t, rescuer, result);
      if (!t.supports.list) return;
      const workers = await t.backend.workers();
      assert.deepEqual(
        workers.filter(({ alive }) => alive).map(({ workerId }) => workerId),
        ["rescuer"],
      );
    },
  },
  {
    id: "recovery.own-lease-only",
    sentence: "Recovery takes the tasks of the session whose lease is over, and no other's.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const kept = await task.enqueue(1);
      const alive = await StoreDriver.register(t.backend);
      await alive.claimOne();
      await loseOnce(t, () => task.enqueue(2));
      assert.equal((await kept.refresh()).status, "RUNNING");
    },
  },
  {
    id: "recovery.counted-once",
    sentence: "Ten who recover at once lose an attempt once.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task({ maxLost: 1 }, () => null).enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await leaseIsOver(t);
      const rescuer = await StoreDriver.register(t.backend);
      await Promise.all(
        Array.from({ length: 10 }, () => rescuer.store.recoverLost(rescuer.session)),
      );
      await recovered(t, rescuer, result);
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "recovery.cancelled",
    sentence: "A lost attempt that was to be cancelled ends cancelled.",
    needs: ["workerStore", "getResult", "cancel"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await result.cancel();
      const rescuer = await StoreDriver.register(t.backend);
      await recovered(t, rescuer, result);
      assert.equal(result.state, "cancelled");
      assert.equal(result.errors.at(-1)!.exceptionClass, TaskCancelled.name);
    },
  },
  {
    id: "recovery.keeps-place",
    sentence: "A recovered task runs before what was enqueued after it, also while it ran.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task((n: number) => void seen.push(n));
      const result = await task.enqueue(1);
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await task.enqueue(2);
      await recovered(t, await StoreDriver.register(t.backend), result);
      await task.enqueue(3);
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
      assert.deepEqual(seen, [1, 2, 3]);
    },
  },
  {
    id: "recovery.keeps-priority",
    sentence: "A recovered task keeps its priority.",
    needs: ["workerStore", "getResult", "priority"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task((n: number) => void seen.push(n));
      await task.using({ priority: 5 }).enqueue(1);
      await loseOnce(t);
      await task.using({ priority: 4 }).enqueue(2);
      await task.using({ priority: 6 }).enqueue(3);
      await t.drain({ concurrency: 1 });
      assert.deepEqual(seen, [3, 1, 2]);
    },
  },
  {
    id: "recovery.unique-key-stays",
    sentence: 'With "until-finished" a lost attempt keeps its key until the task is finished.',
    needs: ["workerStore", "unique", "getResult"],
    test: async (t) => {
      const task = t.task({ unique: { scope: "until-finished" }, maxLost: 1 }, () => null);
      const result = await task.enqueue();
      await loseOnce(t);
      assert.equal((await task.enqueue()).id, result.id);
      await loseOnce(t);
      assert.equal((await result.refresh()).status, "FAILED");
      assert.equal((await task.enqueue()).deduplicated, false);
    },
  },
  {
    id: "recovery.concurrency-slot-freed",
    sentence: "A lost attempt gives its concurrency slot back.",
    needs: ["workerStore", "concurrency", "getResult"],
    test: async (t) => {
      const task = t.task({ concurrency: { limit: 1 }, maxLost: 0 }, (n: number) => n);
      await task.enqueue(1);
      await loseOnce(t);
      assert.equal((await t.run(task, 2)).returnValue, 2);
    },
  },
  {
    id: "recovery.signal",
    sentence: "A task that ends lost is announced as finished, once.",
    needs: ["workerStore", "wait"],
    leaseMs: SHORT_LEASE_MS,
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.task({ maxLost: 0 }, () => null).enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await t.startWorker();
      await t.wait(result);
      const types = (): readonly string[] => t.events(result).map(({ type }) => type);
      await until("finished is sent", () => types().includes("finished"));
      assert.deepEqual(types(), ["enqueued", "finished"]);
    },
  },
];

interface Lost {
  readonly result: TaskResult;
  /** Whose lease ran out. */
  readonly vanished: StoreDriver;
  readonly claimed: ClaimedTask;
  /** Who recovered it. */
  readonly rescuer: StoreDriver;
}

/** Enqueues a task, claims it, lets the lease run out and recovers it. */
async function lose(t: Scope): Promise<Lost> {
  const result = await t.task(() => null).enqueue();
  const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
  const claimed = await vanished.claimOne();
  const rescuer = await StoreDriver.register(t.backend);
  await recovered(t, rescuer, result);
  return { result, vanished, claimed, rescuer };
}

/** Loses the one attempt that is ready, or that `enqueue` makes ready; gives the ids that ended FAILED. */
async function loseOnce(t: Scope, enqueue?: () => Promise<TaskResult>): Promise<readonly string[]> {
  await enqueue?.();
  const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
  const { id } = await vanished.claimOne();
  const rescuer = await StoreDriver.register(t.backend);
  return recovered(t, rescuer, await t.backend.getResult(id));
}

/** Recovers until a result is no longer RUNNING, and loads it; gives the ids that ended FAILED. */
async function recovered(
  t: Scope,
  { store, session }: StoreDriver,
  result: TaskResult,
): Promise<readonly string[]> {
  const failed: string[] = [];
  await until("The attempt is recovered", async () => {
    failed.push(...(await store.recoverLost(session)).map(({ id }) => id));
    return t.supports.getResult ? (await result.refresh()).status !== "RUNNING" : true;
  });
  return failed;
}

async function leaseIsOver(t: Scope): Promise<void> {
  const slackMs = t.supports.timeResolutionMs + SOON_OVER_MS;
  await t.untilTime(t.backend.now().getTime() + SOON_OVER_MS + slackMs);
}
