import assert from "node:assert/strict";

import {
  InvalidTaskBackend,
  TaskResultDoesNotExist,
  withBackends,
  type Backend,
} from "@tasks/core";

import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Stores and aliases side by side. */
export const isolationRequirements: readonly Requirement[] = [
  {
    id: "isolation.results",
    sentence: "A backend does not find the results of a backend with another namespace.",
    needs: ["getResult"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      const { id } = await t.task(() => null).enqueue();
      await assert.rejects(async () => stranger.getResult(id), {
        name: TaskResultDoesNotExist.name,
      });
    },
  },
  {
    id: "isolation.workers",
    sentence: "A worker does not take the tasks of a backend with another namespace.",
    needs: ["worker", "getResult"],
    upstream: ["201"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      const result = await t.task(() => null).enqueue();
      await t.drain({ queueNames: ["*"] }, stranger);
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "isolation.lists",
    sentence: "A backend lists, counts and prunes nothing of a backend with another namespace.",
    needs: ["list", "worker"],
    upstream: ["201"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      await t.run(t.task(() => null));
      assert.deepEqual((await stranger.list()).results, []);
      assert.equal((await stranger.counts()).SUCCESSFUL, 0);
      assert.equal(await stranger.prune({ minAgeMs: 0 }), 0);
      assert.equal((await t.backend.counts()).SUCCESSFUL, 1);
    },
  },
  {
    id: "isolation.unique-keys",
    sentence: "Unique keys of another namespace are other keys.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      const task = t.task({ unique: { scope: "until-finished" } }, () => null);
      await task.enqueue();
      const there = await withBackends({ default: stranger }, () => task.enqueue());
      assert.equal(there.deduplicated, false);
    },
  },
  {
    id: "isolation.aliases",
    sentence: "Two backends under two aliases each get their own tasks, and results say which.",
    needs: [],
    upstream: ["6", "124"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      const task = t.task(() => null);
      await withBackends({ default: t.backend, second: stranger }, async () => {
        const first = await task.enqueue();
        const second = await task.using({ backend: "second" }).enqueue();
        assert.deepEqual([first.backend, second.backend], ["default", "second"]);
        assert.deepEqual([t.backend.alias, stranger.alias], ["default", "second"]);
        if (!t.supports.getResult) return;
        await t.backend.getResult(first.id);
        await stranger.getResult(second.id);
      });
    },
  },
  {
    id: "isolation.alias-at-configuration",
    sentence: "A backend works under its alias from the configuration on, however it is reached.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const stranger = await t.openUnrelated();
      const task = t.task({ backend: "second" }, () => null);
      await withBackends({ default: t.backend, second: stranger }, async () => {
        const worker = await stranger.createWorker({ batch: true });
        const result = await task.enqueue();
        await worker.run();
        assert.equal((await result.refresh()).status, "SUCCESSFUL");
      });
      await assert.rejects(
        async () => withBackends({ third: stranger }, () => null),
        InvalidTaskBackend,
      );
    },
  },
  {
    id: "isolation.aliases-of-one-store",
    sentence:
      "Two aliases on the same tables or keys share neither results, lists, counts, pauses nor unique keys.",
    needs: ["worker", "list", "unique", "pause", "getResult", "secondHandle"],
    test: async (t) => {
      const task = t.task({ unique: { scope: "until-finished" } }, () => null);
      await withSecond(t, async (second) => {
        const ours = await task.enqueue();
        assert.equal((await second.counts()).READY, 0, "counts");
        assert.deepEqual((await second.list()).results, [], "lists");
        await assert.rejects(async () => second.getResult(ours.id), {
          name: TaskResultDoesNotExist.name,
        });
        await t.backend.pause("default");
        assert.deepEqual(
          (await second.queues()).filter(({ paused }) => paused),
          [],
          "pauses shown",
        );
        await t.drain({ queueNames: ["*"] }, second);
        const theirs = await task.using({ backend: "second" }).enqueue();
        assert.equal(theirs.deduplicated, false, "unique keys");
        await t.drain({}, second);
        assert.equal((await theirs.refresh()).status, "SUCCESSFUL", "pauses hold nothing here");
        assert.equal((await ours.refresh()).status, "READY", "the task of the other alias");
        await t.untilTime(t.backend.now().getTime() + t.supports.timeResolutionMs);
        assert.equal(await t.backend.prune({ minAgeMs: 0 }), 0, "prune");
        assert.deepEqual(
          { ...(await second.counts()) },
          { READY: 0, RUNNING: 0, SUCCESSFUL: 1, FAILED: 0 },
        );
      });
    },
  },
  {
    id: "isolation.held-of-one-store",
    sentence:
      "What a worker holds, and its place in workers(), are its alias's own on the same tables or keys.",
    needs: ["workerStore", "list", "pause", "secondHandle"],
    test: async (t) => {
      await withSecond(t, async (second) => {
        await t.task(() => null).enqueue();
        const driver = await StoreDriver.register(t.backend, { workerId: "ours" });
        const claimed = await driver.claimOne();
        await second.pause("default");
        const { store, session } = driver;
        const { cancelled, lost, paused = [] } = await store.checkAttempts(session, [claimed]);
        assert.deepEqual({ cancelled, lost, paused }, { cancelled: [], lost: [], paused: [] });
        assert.deepEqual(await second.workers(), [], "workers() of the other alias");
        assert.equal((await second.counts()).RUNNING, 0, "counts() of the other alias");
        assert.equal((await t.backend.workers())[0]?.workerId, "ours");
      });
    },
  },
  {
    id: "isolation.leases-of-one-store",
    sentence: "A worker recovers no task of another alias on the same tables or keys.",
    needs: ["workerStore", "getResult", "secondHandle"],
    test: async (t) => {
      await withSecond(t, async (second) => {
        const result = await t.task(() => null).enqueue();
        const leaver = await StoreDriver.register(t.backend);
        await leaver.claimOne();
        await leaver.store.unregister(leaver.session);
        const stranger = await StoreDriver.register(second);
        assert.deepEqual(await stranger.store.recoverLost(stranger.session), []);
        assert.equal((await result.refresh()).status, "RUNNING");
      });
    },
  },
  {
    id: "isolation.same-store",
    sentence: "A second handle on the same store finds the results of the first.",
    needs: ["getResult", "secondHandle"],
    upstream: ["179"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task((n: number) => n).enqueue(7);
      assert.deepEqual((await elsewhere.getResult(result.id)).toJSON(), result.toJSON());
    },
  },
  {
    id: "isolation.outlives-its-backend",
    sentence: "Results are still there when the backend that stored them is closed.",
    needs: ["getResult", "secondHandle"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task((n: number) => n).enqueue(7);
      await t.backend.close();
      assert.equal((await elsewhere.getResult(result.id)).status, result.status);
    },
  },
];

/** Runs a test with another handle on the same store, configured as `second`. */
async function withSecond(t: Scope, test: (second: Backend) => Promise<void>): Promise<void> {
  const second = await t.open();
  await withBackends({ default: t.backend, second }, () => test(second));
}
