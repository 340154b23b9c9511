import assert from "node:assert/strict";

import { createId, type TaskRecord, type TaskStatus } from "@tasks/core";
import type { ClaimRequest } from "@tasks/core/worker";

import { until } from "../internal/deadline.ts";
import { everyOutcome, failed, retried, successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
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
    id: "claim.empty-store",
    sentence:
      "On a store that never held anything every step finds nothing, in queues of any kind.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { store, session } = driver;
      const kinds: readonly Partial<ClaimRequest>[] = [
        {},
        { excludeQueues: ["excluded"] },
        { queueNames: ["default"] },
        { queueNames: ["default", "other"] },
        { taskNames: [] },
      ];
      for (const kind of kinds) {
        const asked = driver.request(kind);
        assert.deepEqual(await store.claim(asked), [], JSON.stringify(kind));
        assert.deepEqual(await store.unknownTasks(asked), [], JSON.stringify(kind));
        await store.waitForWork?.(asked, 10, new AbortController().signal);
      }
      const { cancelled, lost, paused = [] } = await store.checkAttempts(session, []);
      assert.deepEqual({ cancelled, lost, paused }, { cancelled: [], lost: [], paused: [] });
      assert.deepEqual(await store.complete([]), []);
      await store.start?.([]);
      await store.update([]);
      assert.deepEqual(await store.recoverLost(session), []);
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
    id: "claim.record-of-a-later-attempt",
    sentence: "The record of a claimed task is the stored one, with all that came before.",
    needs: ["workerStore", "getResult", "progress", "metadata", "logs"],
    test: async (t) => {
      const task = t.task(() => null).using({ metadata: { kept: 1 } });
      const result = await (
        t.supports.defer ? task.using({ runAfter: new Date(0) }) : task
      ).enqueue();
      const driver = await StoreDriver.register(t.backend);
      const first = await driver.claimOne();
      const logs = [
        { level: "info", message: "before", attempt: 1, loggedAt: new Date(0) },
      ] as const;
      await driver.store.update([{ ...driver.refOf(first), progress: 7, logs }]);
      await driver.complete(first, retried("again", 0));
      const claimed = await driver.claimOne();
      const stored = await t.backend.readRecord(result.id);
      const record = claimed.record();
      for (const [field, value] of Object.entries(stored!)) {
        assert.deepEqual(record[field as keyof TaskRecord], value, field);
      }
    },
  },
  {
    id: "claim.known-tasks-only",
    sentence: "A claim returns only tasks of the given names, also from behind other tasks.",
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
    id: "claim.by-id",
    sentence:
      "A claim of one result gives this one alone, due or not, of any queue, if it is READY.",
    needs: ["workerStore", "defer"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      const { id } = await task.enqueue(2);
      const later = await task.using({ runAfter: { hours: 1 } }).enqueue(3);
      assert.deepEqual(await driver.claim({ id, limit: 1, taskNames: [] }), [], "unknown task");
      for (const wanted of [id, later.id]) {
        const claimed = await driver.claim({ id: wanted, limit: 1, queueNames: [] });
        assert.deepEqual(
          claimed.map((claimedTask) => claimedTask.id),
          [wanted],
        );
        assert.deepEqual(await driver.claim({ id: wanted, limit: 1 }), [], "it is RUNNING");
      }
      assert.deepEqual(await driver.claim({ id: createId(), limit: 1 }), [], "no result");
    },
  },
  {
    id: "claim.fence-grows",
    sentence: "The fence of a result grows with every claim, however the attempt before ended.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task(() => null).enqueue();
      let before = await driver.claimOne();
      for (const outcome of [
        { type: "release" },
        { type: "snooze", delayMs: 0 },
        retried("again", 0),
      ] as const) {
        await driver.complete(before, outcome);
        await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
        const next = await driver.claimOne();
        const fences = `fence ${next.fence} is above ${before.fence}, after a ${outcome.type}`;
        assert.ok(next.fence > before.fence, fences);
        before = next;
      }
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
        ...driver.refOf(task),
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
      const { cancelled, lost, paused = [] } = await store.checkAttempts(session, []);
      assert.deepEqual([cancelled, lost, paused], [[], [], []]);
    },
  },
  {
    id: "claim.complete-deleted",
    sentence: "A completion of a result that is gone is answered “lost”.",
    needs: ["workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const id = createId();
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
      const completions = [older, newer].map((claimed) => ({
        ...driver.refOf(claimed),
        changes: null,
        cancelled: false,
        outcome: successful(claimed.fence),
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
    id: "claim.complete-other-session",
    sentence:
      "A write for an attempt that names its fence and another session records nothing, for every outcome.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const owner = await StoreDriver.register(t.backend, { workerId: "owner" });
      const other = await StoreDriver.register(t.backend, { workerId: "other" });
      const result = await t.task(() => null).enqueue();
      const claimed = await owner.claimOne();
      const before = (await result.refresh()).toJSON();
      const changes = { progress: "other", metadata: { by: "other" } };
      for (const outcome of everyOutcome()) {
        assert.equal(await other.complete(claimed, outcome, { changes }), "lost", outcome.type);
        assert.deepEqual((await result.refresh()).toJSON(), before, outcome.type);
      }
      await other.store.update([{ ...other.refOf(claimed), ...changes }]);
      assert.deepEqual((await result.refresh()).toJSON(), before, "update()");
      const { cancelled, lost } = await other.store.checkAttempts(other.session, [claimed]);
      assert.deepEqual([cancelled, lost], [[], [claimed.id]]);
      assert.equal(await owner.complete(claimed, successful(1)), "recorded");
      assert.equal(await other.complete(claimed, successful(1)), "lost", "after the end");
    },
  },
  {
    id: "claim.complete-with-changes",
    sentence: "A completion stores progress, metadata and logs along with any outcome.",
    needs: ["workerStore", "getResult", "progress", "metadata", "logs"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null).using({ metadata: { a: 1 } });
      for (const outcome of everyOutcome()) {
        const result = await task.enqueue();
        const loggedAt = t.backend.now();
        const line = { level: "warn", message: "careful", attempt: 1, loggedAt } as const;
        const changes = { progress: 0.5, metadata: { b: 2 }, logs: [line] };
        await driver.complete(await driver.claimOne(), outcome, { changes });
        await result.refresh();
        const { progress, metadata } = result;
        const logs = result.logs.map(({ level, message }) => [level, message]);
        assert.deepEqual(
          { progress, metadata, logs },
          { progress: 0.5, metadata: { b: 2 }, logs: [["warn", "careful"]] },
          outcome.type,
        );
      }
    },
  },
  {
    id: "claim.cancelled-unseen",
    sentence:
      "An attempt whose cancellation the worker had not seen is stored as cancelled, with every outcome, and answered so.",
    needs: ["workerStore", "getResult", "cancel"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null);
      for (const outcome of everyOutcome()) {
        const result = await task.enqueue();
        const claimed = await driver.claimOne();
        await result.cancel();
        assert.equal(await driver.complete(claimed, outcome), "cancelled", outcome.type);
        const { state, attempts } = await result.refresh();
        assert.deepEqual([state, attempts], ["cancelled", 1], outcome.type);
      }
      assert.deepEqual(await driver.claim(), []);
    },
  },
  {
    id: "claim.cancelled-seen",
    sentence:
      "A failure that the worker stores because it saw the cancellation is answered “recorded”, with one error.",
    needs: ["workerStore", "getResult", "cancel"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => null).enqueue();
      const claimed = await driver.claimOne();
      await result.cancel();
      const answer = await driver.complete(claimed, failed("cancelled"), { cancelled: true });
      await result.refresh();
      assert.deepEqual([answer, result.status, result.errors.length], ["recorded", "FAILED", 1]);
    },
  },
  {
    id: "claim.release",
    sentence: "A released attempt counts toward neither maxAttempts nor maxLost.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { id } = await t.task({ maxLost: 1 }, () => null).enqueue();
      const before = await t.backend.readRecord(id);
      for (let n = 0; n < 3; n++) {
        await driver.complete(await driver.claimOne(), { type: "release" });
      }
      const { failures, lost, workerIds, startedAt, runAfter, errors } =
        (await t.backend.readRecord(id))!;
      assert.deepEqual(
        { failures, lost, workerIds, startedAt, runAfter, errors },
        {
          failures: 0,
          lost: 0,
          workerIds: [],
          startedAt: null,
          runAfter: before!.runAfter,
          errors: [],
        },
      );
    },
  },
  {
    id: "claim.given-back-later",
    sentence:
      "A later attempt that is released or snoozed leaves start, failures and history as they were.",
    needs: ["workerStore", "getResult", "retry"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const { id } = await t.task({ maxAttempts: 3 }, () => null).enqueue();
      await driver.complete(await driver.claimOne(), retried("again", 0));
      const before = (await t.backend.readRecord(id))!;
      for (const outcome of [{ type: "release" }, { type: "snooze", delayMs: 0 }] as const) {
        await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
        await driver.complete(await driver.claimOne(), outcome);
        const record = (await t.backend.readRecord(id))!;
        for (const field of ["status", "startedAt", "failures", "errors", "workerIds"] as const) {
          assert.deepEqual(record[field], before[field], `${field} after a ${outcome.type}`);
        }
      }
    },
  },
  {
    id: "claim.delay-from-the-end",
    sentence:
      "The delay of a retry or a snooze counts from the end of the attempt, which is when a failed one is finished.",
    needs: ["workerStore", "getResult", "retry"],
    test: async (t) => {
      const resolutionMs = t.supports.timeResolutionMs;
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null);
      for (let n = 0; n < 3; n++) await task.enqueue();
      const claimed = await driver.claim();
      assert.equal(claimed.length, 3);
      await t.untilTime(t.backend.now().getTime() + 2 * resolutionMs + 300);
      const endMs = t.backend.now().getTime();
      await driver.complete(claimed[0]!, retried("again", 60_000));
      await driver.complete(claimed[1]!, { type: "snooze", delayMs: 60_000 });
      await driver.complete(claimed[2]!, failed("on purpose"));
      for (const { id } of claimed) {
        const { runAfter, finishedAt } = (await t.backend.readRecord(id))!;
        const earlyMs = endMs - (finishedAt?.getTime() ?? runAfter!.getTime() - 60_000);
        assert.ok(earlyMs <= resolutionMs + 100, `${earlyMs} ms early`);
      }
    },
  },
  {
    id: "claim.lease",
    sentence:
      "A claim grants its session a full lease when half of the last one is used up, also when it is over.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const leaseMs = 800;
      const result = await t.task(() => null).enqueue();
      for (const idle of [0.6, 1.2]) {
        const driver = await StoreDriver.register(t.backend, { leaseMs });
        const observer = await StoreDriver.register(t.backend);
        await observer.watch(idle * leaseMs);
        const claimedAtMs = performance.now();
        const claimed = await driver.claimOne();
        const { lost } = await observer.watch(0.6 * leaseMs);
        // A machine that stalled for the rest of the lease shows nothing.
        if (performance.now() - claimedAtMs >= leaseMs) return;
        assert.deepEqual(lost, [], `idle for ${idle} leases before the claim`);
        assert.equal((await result.refresh()).status, "RUNNING");
        await driver.complete(claimed, { type: "release" });
      }
    },
  },
  {
    id: "claim.after-death",
    sentence: "A session that claims right after it was declared dead is alive, however often.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const driver = await StoreDriver.register(t.backend, { leaseMs: 200 });
      const observer = await StoreDriver.register(t.backend);
      const recover = async (): Promise<TaskStatus> => {
        await observer.store.recoverLost(observer.session);
        return (await result.refresh()).status;
      };
      await driver.claimOne();
      for (let deaths = 1; deaths <= 2; deaths++) {
        await until("the attempt is lost", async () => (await recover()) === "READY");
        await driver.claimOne();
        assert.equal(await recover(), "RUNNING", `after ${deaths} deaths`);
      }
    },
  },
  {
    id: "claim.complete-many",
    sentence: "A hundred completions of one call are all stored.",
    needs: ["workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const calls = Array.from({ length: 100 }, (_, n) => [n]);
      const results = await t.task((n: number) => n).enqueueMany(calls);
      const claimed = await driver.claim();
      const answers = await driver.store.complete(
        claimed.map((task) => ({
          ...driver.refOf(task),
          outcome: successful(null),
          changes: null,
          cancelled: false,
        })),
      );
      assert.deepEqual(new Set(answers), new Set(["recorded"]));
      for (const result of results) assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "claim.update-keeps-the-rest",
    sentence: "What an update, or an outcome, does not name stays as it was.",
    needs: ["workerStore", "getResult", "progress", "metadata", "logs"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const driver = await StoreDriver.register(t.backend);
      const claimed = await driver.claimOne();
      const ref = driver.refOf(claimed);
      const logs = [{ level: "info", message: "kept", attempt: 1, loggedAt: new Date(0) }] as const;
      const expected = { progress: 7, metadata: { kept: 1 }, logs: ["kept"] };
      const assertAll = async (after: string): Promise<void> => {
        const { progress, metadata, logs: kept } = await result.refresh();
        const messages = kept.map(({ message }) => message);
        assert.deepEqual({ progress, metadata, logs: messages }, expected, after);
      };
      await driver.store.update([{ ...ref, progress: 7 }]);
      await driver.store.update([{ ...ref, metadata: { kept: 1 } }]);
      await driver.store.update([{ ...ref, logs }]);
      await assertAll("three updates of one field each");
      await driver.store.update([{ ...ref, progress: 7 }]);
      await assertAll("an update of progress");
      await driver.complete(claimed, retried("again", 0));
      await assertAll("a retry");
      await driver.complete(await driver.claimOne(), successful(1));
      await assertAll("a success");
    },
  },
  {
    id: "claim.update-many",
    sentence: "Updates of one call are all stored, each with its own progress, metadata and logs.",
    needs: ["workerStore", "getResult", "progress", "metadata", "logs"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      await t.task((n: number) => n).enqueueMany([[0], [1], [2]]);
      const claimed = await driver.claim();
      const loggedAt = t.backend.now();
      await driver.store.update(
        claimed.map((task, n) => ({
          ...driver.refOf(task),
          progress: n,
          metadata: { n },
          logs: [{ level: "info", message: `line ${n}`, attempt: 1, loggedAt }],
        })),
      );
      for (const [n, { id }] of claimed.entries()) {
        const { progress, metadata, logs } = (await t.backend.readRecord(id))!;
        assert.deepEqual(
          [progress, metadata, logs.map(({ message }) => message)],
          [n, { n }, [`line ${n}`]],
        );
      }
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
      const gone = { id: createId(), fence: 1 };
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
