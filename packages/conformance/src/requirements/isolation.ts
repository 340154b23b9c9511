import assert from "node:assert/strict";

import { TaskResultDoesNotExist, withBackends } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** Stores and aliases side by side. */
export const isolationRequirements: readonly Requirement[] = [
  {
    id: "isolation.results",
    sentence: "A backend does not find the results of a backend with another namespace.",
    needs: ["getResult"],
    test: async (t) => {
      const stranger = await t.openStranger();
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
      const stranger = await t.openStranger();
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
      const stranger = await t.openStranger();
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
      const stranger = await t.openStranger();
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
      const stranger = await t.openStranger();
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
