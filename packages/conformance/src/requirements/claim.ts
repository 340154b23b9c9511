import assert from "node:assert/strict";

import type { TaskError } from "@tasks/core";
import type { AttemptOutcome } from "@tasks/core/worker";

import { StoreDriver, successful } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";

/** Steps of a `WorkerStore`, one by one. */
export const claimRequirements: readonly Requirement[] = [
  {
    id: "claim.exactly-once",
    sentence:
      "Of ten sessions that claim fifty tasks at once no two are given the same one, and none is left.",
    needs: ["workerStore"],
    upstream: ["180", "185", "C1"],
    test: async (t) => {
      const sessions = await Promise.all(
        Array.from({ length: 10 }, () => StoreDriver.register(t.backend)),
      );
      await t.task((n: number) => n).enqueueMany(Array.from({ length: 50 }, (_, n) => [n]));
      const claimed = await Promise.all(sessions.map((session) => session.claim({ limit: 20 })));
      const left = await sessions[0]!.claim();
      const ids = [...claimed.flat(), ...left].map(({ id }) => id);
      assert.equal(ids.length, 50);
      assert.equal(new Set(ids).size, 50);
    },
  },
  {
    id: "claim.one-of-50",
    sentence: "Of fifty claims of one task at once one gets it.",
    needs: ["workerStore"],
    upstream: ["180", "C1"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task(() => null).enqueue();
      const claims = await Promise.all(
        Array.from({ length: 50 }, () => driver.claim({ limit: 1 })),
      );
      assert.equal(claims.flat().length, 1);
    },
  },
  {
    id: "claim.nothing",
    sentence: "A claim of an empty store gives nothing.",
    needs: ["workerStore"],
    upstream: ["184"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      assert.deepEqual(await driver.claim(), []);
    },
  },
  {
    id: "claim.limit",
    sentence: "A claim gives at most `limit` tasks.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task(() => null).enqueueMany([[], [], [], [], []]);
      assert.equal((await driver.claim({ limit: 3 })).length, 3);
      assert.equal((await driver.claim({ limit: 3 })).length, 2);
    },
  },
  {
    id: "claim.record",
    sentence:
      "A claimed task is RUNNING with this worker, and its arguments decode fresh each time.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend, { workerId: "hands" });
      const result = await t.task((_list: number[]) => null).enqueue([1]);
      const claimed = await driver.claimOne();
      const { status, workerIds, id } = claimed.record();
      assert.deepEqual([id, status, workerIds], [result.id, "RUNNING", ["hands"]]);
      assert.deepEqual([claimed.taskName, claimed.attempt], [result.taskName, 1]);
      (claimed.args()[0] as number[]).push(2);
      assert.deepEqual(claimed.args(), [[1]]);
      await result.refresh();
      assert.deepEqual([result.status, result.workerIds], ["RUNNING", ["hands"]]);
      assert.deepEqual(result.lastAttemptedAt, claimed.record().lastAttemptedAt);
    },
  },
  {
    id: "claim.known-tasks-only",
    sentence: "A claim gives tasks of the named names only, whatever waits in front of them.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const unknown = t.task(() => null);
      const known = t.task(() => null);
      await unknown.enqueueMany(Array.from({ length: 30 }, () => []));
      await known.enqueue();
      const claimed = await driver.claim({ limit: 5, taskNames: [known.name] });
      assert.deepEqual(
        claimed.map(({ taskName }) => taskName),
        [known.name],
      );
      assert.deepEqual(await driver.claim({ taskNames: [] }), []);
    },
  },
  {
    id: "claim.fence-grows",
    sentence: "The fence of a result grows with every claim.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task(() => null).enqueue();
      const first = await driver.claimOne();
      await driver.complete(first, { type: "release" });
      const second = await driver.claimOne();
      assert.ok(second.fence > first.fence, `${second.fence} after ${first.fence}`);
    },
  },
  {
    id: "claim.answers-in-order",
    sentence: "The answers of complete() are in the order of the completions, each for its own.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const results = await t.task((n: number) => n).enqueueMany([[0], [1], [2]]);
      const claimed = await driver.claim();
      const completions = claimed.map((task, index) => ({
        id: task.id,
        fence: index === 1 ? task.fence + 1 : task.fence,
        changes: null,
        cancelled: false,
        outcome: successful(task.args()[0]!),
      }));
      const answers = await driver.store.complete(completions);
      assert.deepEqual(answers, ["recorded", "lost", "recorded"]);
      const statuses = [];
      for (const result of results) statuses.push((await result.refresh()).status);
      assert.deepEqual(statuses, ["SUCCESSFUL", "RUNNING", "SUCCESSFUL"]);
    },
  },
  {
    id: "claim.complete-nothing",
    sentence: "Completing, updating and checking nothing is harmless.",
    needs: ["workerStore"],
    test: async (t) => {
      const { store, session } = await StoreDriver.register(t.backend);
      assert.deepEqual(await store.complete([]), []);
      await store.update([]);
      assert.deepEqual(await store.checkAttempts(session, []), { cancelled: [], lost: [] });
    },
  },
  {
    id: "claim.complete-deleted",
    sentence: "A completion of a result that is gone is answered “lost”.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { id } = t.request();
      assert.equal(await driver.complete({ id, fence: 1 }, successful(1)), "lost");
    },
  },
  {
    id: "claim.complete-twice",
    sentence: "A completion that is sent again changes nothing.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => null).enqueue();
      const claimed = await driver.claimOne();
      assert.equal(await driver.complete(claimed, successful("first")), "recorded");
      const before = (await result.refresh()).toJSON();
      await driver.complete(claimed, successful("second"));
      assert.deepEqual((await result.refresh()).toJSON(), before);
    },
  },
  {
    id: "claim.complete-two-attempts",
    sentence:
      "Of two attempts of one result that are completed in one call, only the one that holds the fence is recorded.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => null).enqueue();
      const older = await driver.claimOne();
      await driver.complete(older, { type: "release" });
      const newer = await driver.claimOne();
      const completions = [older, newer].map(({ id, fence }) => ({
        id,
        fence,
        changes: null,
        cancelled: false,
        outcome: successful(fence),
      }));
      assert.deepEqual(await driver.store.complete(completions), ["lost", "recorded"]);
      assert.equal((await result.refresh()).returnValue, newer.fence);
    },
  },
  {
    id: "claim.complete-repeated",
    sentence:
      "An outcome that is brought again, because its answer was lost, is answered “recorded”; another one of the same attempt is “lost”.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null);
      for (const outcome of [successful(1), failed("first"), retried("second")]) {
        await task.enqueue();
        const claimed = await driver.claimOne();
        const answers = [];
        for (const brought of [outcome, outcome, failed("another")]) {
          answers.push(await driver.complete(claimed, brought));
        }
        assert.deepEqual(answers, ["recorded", "recorded", "lost"], outcome.type);
      }
    },
  },
  {
    id: "claim.complete-with-changes",
    sentence: "A completion stores progress, metadata and logs along with the outcome.",
    needs: ["workerStore", "getResult", "progress", "metadata", "logs"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null).using({ metadata: { a: 1 } });
      const result = await task.enqueue();
      const loggedAt = t.backend.now();
      const line = { level: "warn", message: "careful", attempt: 1, loggedAt } as const;
      const changes = { progress: 0.5, metadata: { b: 2 }, logs: [line] };
      await driver.complete(await driver.claimOne(), successful(null), { changes });
      await result.refresh();
      assert.deepEqual([result.progress, result.metadata], [0.5, { b: 2 }]);
      assert.deepEqual(
        result.logs.map(({ level, message }) => [level, message]),
        [["warn", "careful"]],
      );
    },
  },
  {
    id: "claim.cancelled-unseen",
    sentence:
      "A completion of an attempt whose cancellation the worker had not seen is stored as cancelled, and answered so.",
    needs: ["workerStore", "getResult", "cancel"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => null).enqueue();
      const claimed = await driver.claimOne();
      await result.cancel();
      assert.equal(await driver.complete(claimed, successful(1)), "cancelled");
      assert.equal((await result.refresh()).state, "cancelled");
    },
  },
  {
    id: "claim.check-attempts",
    sentence:
      "checkAttempts() names the attempts that are cancelled and those that are no longer this session's.",
    needs: ["workerStore", "cancel"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task((n: number) => n).enqueueMany([[0], [1], [2]]);
      const claimed = await driver.claim();
      await t.backend.cancel(claimed[0]!.id);
      const attempts = claimed.map(({ id, fence }, index) => ({
        id,
        fence: index === 2 ? fence - 1 : fence,
      }));
      const gone = { id: t.request().id, fence: 1 };
      const checks = await driver.store.checkAttempts(driver.session, [...attempts, gone]);
      assert.deepEqual(
        { cancelled: [...checks.cancelled], lost: [...checks.lost].sort() },
        { cancelled: [claimed[0]!.id], lost: [claimed[2]!.id, gone.id].sort() },
      );
    },
  },
  {
    id: "claim.register-twice",
    sentence: "Registering a session twice is registering it once; so is signing off.",
    needs: ["workerStore", "list"],
    test: async (t) => {
      const { store, session } = await StoreDriver.register(t.backend);
      await store.register(session);
      assert.equal((await t.backend.workers()).length, 1);
      await store.unregister(session);
      await store.unregister(session);
      assert.deepEqual(await t.backend.workers(), []);
    },
  },
];

function failed(message: string): AttemptOutcome {
  return { type: "failed", error: errorOf(message) };
}

function retried(message: string): AttemptOutcome {
  return { type: "retry", error: errorOf(message), delayMs: 60_000 };
}

function errorOf(message: string): TaskError {
  const exceptionClass = `${message}Error`;
  const occurredAt = new Date();
  return { exceptionClass, message, traceback: "", attempt: 1, workerId: "by-hand", occurredAt };
}
