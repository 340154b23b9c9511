import assert from "node:assert/strict";

import type { Requirement } from "../requirement.ts";

/** Which queues a worker serves. */
export const workerQueuesRequirements: readonly Requirement[] = [
  {
    id: "worker-queues.own",
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
    id: "worker-queues.similar-names",
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
    id: "worker-queues.some",
    sentence: "A worker of several queues serves only these.",
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
    id: "worker-queues.all",
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
    id: "worker-queues.all-notices-new",
    sentence: 'A running worker of ["*"] serves a queue that was not there when it started.',
    needs: ["worker", "queues", "wait"],
    upstream: ["194"],
    test: async (t) => {
      await t.startWorker({ queueNames: ["*"], intervalMs: 50 });
      const result = await t
        .task(() => 1)
        .using({ queueName: "brand-new" })
        .enqueue();
      await t.wait(result);
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "worker-queues.excluded",
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
    id: "worker-queues.excluded-some",
    sentence: "Every excluded queue is left alone, and those whose names begin alike are not.",
    needs: ["worker", "queues", "list"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const queueName of ["a", "ab", "b", "c"]) await task.using({ queueName }).enqueue();
      await t.drain({ queueNames: ["*"], excludeQueues: ["a", "c", "b"] });
      const { results } = await t.backend.list({ status: "READY" });
      assert.deepEqual(
        results.map(({ queueName }) => queueName),
        ["c", "b", "a"],
      );
    },
  },
  {
    id: "worker-queues.excluded-unknown",
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
];
