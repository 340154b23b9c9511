import assert from "node:assert/strict";

import { TaskCancelled, TaskLost, type TaskResult } from "@tasks/core";
import type { ClaimedTask } from "@tasks/core/worker";

import { until } from "../internal/deadline.ts";
import { SHORT_LEASE_MS } from "../internal/lease.ts";
import { StoreDriver, successful } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** A lease that is over soon, in milliseconds; clocks may be as coarse as a second. */
const SOON_OVER_MS = 60;

/** Workers that vanish. */
export const recoveryRequirements: readonly Requirement[] = [
  {
    id: "recovery.runs-elsewhere",
    sentence:
      "A task whose worker vanished runs on another worker by itself, soon after the lease is over.",
    needs: ["workerStore", "wait"],
    leaseMs: SHORT_LEASE_MS,
    upstream: ["223", "C2"],
    test: async (t) => {
      const result = await t.contextTask(({ attempt }) => attempt).enqueue();
      const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
      await vanished.claimOne();
      await t.startWorker();
      await result.wait({ timeoutMs: 6000 });
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
      await result.wait({ timeoutMs: 6000 });
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
    sentence: "While its lease lasts nobody takes a worker's tasks.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const alive = await StoreDriver.register(t.backend);
      await alive.claimOne();
      const other = await StoreDriver.register(t.backend);
      assert.deepEqual(await other.store.recoverLost(other.session), []);
      assert.deepEqual(await other.claim(), []);
      assert.equal((await result.refresh()).status, "RUNNING");
    },
  },
  {
    id: "recovery.renewed",
    sentence: "A renewed lease keeps its tasks past its first end.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const leaseMs = 400;
      const result = await t.task(() => null).enqueue();
      const alive = await StoreDriver.register(t.backend, { leaseMs });
      const other = await StoreDriver.register(t.backend);
      await alive.claimOne();
      const overMs = t.backend.now().getTime() + 2 * leaseMs;
      while (t.backend.now().getTime() < overMs) {
        await alive.store.renewLease(alive.session);
        await t.untilTime(t.backend.now().getTime() + 50);
      }
      await alive.store.renewLease(alive.session);
      assert.deepEqual(await other.store.recoverLost(other.session), []);
      assert.equal((await result.refresh()).status, "RUNNING");
    },
  },
  {
    id: "recovery.fenced-completion",
    sentence: "A worker that lost its attempt can record nothing, before the next attempt begins.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const { result, vanished, claimed } = await lose(t);
      assert.equal(await vanished.complete(claimed, successful("zombie")), "lost");
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "recovery.fenced-by-the-next",
    sentence:
      "A worker that lost its attempt can record nothing while another runs it, and the other one can.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const { result, vanished, claimed, rescuer } = await lose(t);
      const next = await rescuer.claimOne();
      assert.equal(await vanished.complete(claimed, successful("zombie")), "lost");
      assert.equal((await result.refresh()).status, "RUNNING");
      assert.equal(await rescuer.complete(next, successful("true")), "recorded");
      assert.equal((await result.refresh()).returnValue, "true");
    },
  },
  {
    id: "recovery.fenced-after-the-end",
    sentence:
      "A worker that lost its attempt cannot overwrite the result of the next: never two successes.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const { result, vanished, claimed, rescuer } = await lose(t);
      await rescuer.complete(await rescuer.claimOne(), successful("true"));
      const before = (await result.refresh()).toJSON();
      assert.equal(await vanished.complete(claimed, successful("zombie")), "lost");
      assert.deepEqual((await result.refresh()).toJSON(), before);
    },
  },
  {
    id: "recovery.fenced-update",
    sentence: "A worker that lost its attempt cannot store progress.",
    needs: ["workerStore", "getResult", "progress"],
    test: async (t) => {
      const { result, vanished, claimed, rescuer } = await lose(t);
      await rescuer.claimOne();
      await vanished.store.update([{ id: claimed.id, fence: claimed.fence, progress: "zombie" }]);
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
    sentence: "Lost attempts do not count toward maxAttempts.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const task = t.task({ maxAttempts: 1, maxLost: 5 }, () => "in the end");
      const result = await task.enqueue();
      await loseOnce(t);
      await loseOnce(t);
      await t.finish(result);
      assert.deepEqual([result.returnValue, result.attempts], ["in the end", 3]);
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
    sentence: "A recovered task runs before what was enqueued after it.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task((n: number) => void seen.push(n));
      const result = await task.enqueue(1);
      await loseOnce(t);
      await task.enqueue(2);
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
      assert.deepEqual(seen, [1, 2]);
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
      await result.wait({ timeoutMs: 6000 });
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

/** Loses the one attempt that is ready; gives the ids that ended FAILED. */
async function loseOnce(t: Scope): Promise<readonly string[]> {
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
