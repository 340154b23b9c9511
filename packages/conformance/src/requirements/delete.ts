import assert from "node:assert/strict";

import { createId, TaskResultDoesNotExist } from "@tasks/core";

import { holdTask } from "../internal/hold-task.ts";
import type { Requirement } from "../requirement.ts";

/** Deleting one result. */
export const deleteRequirements: readonly Requirement[] = [
  {
    id: "delete.ready",
    sentence: "delete() removes a waiting result, which then never runs.",
    needs: ["list", "queued"],
    test: async (t) => {
      let runs = 0;
      const result = await t.task(() => ++runs).enqueue();
      assert.equal(await t.backend.delete(result.id), true);
      assert.deepEqual((await t.backend.list()).results, []);
      await t.drain();
      assert.equal(runs, 0);
    },
  },
  {
    id: "delete.finished",
    sentence: "delete() removes a finished result.",
    needs: ["list", "worker", "getResult"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      assert.equal(await t.backend.delete(result.id), true);
      assert.deepEqual((await t.backend.list()).results, []);
    },
  },
  {
    id: "delete.running",
    sentence: "delete() does not delete a running result, and returns false.",
    needs: ["list", "worker", "getResult"],
    test: async (t) => {
      const { result, end } = await holdTask(t);
      const answer = await t.backend.delete(result.id);
      await result.refresh();
      end();
      assert.deepEqual([answer, result.status], [false, "RUNNING"]);
    },
  },
  {
    id: "delete.missing",
    sentence: "delete() of nothing is TaskResultDoesNotExist, also the second time.",
    needs: ["list", "queued"],
    test: async (t) => {
      const missing = { name: TaskResultDoesNotExist.name };
      const result = await t.task(() => null).enqueue();
      await t.backend.delete(result.id);
      for (const id of [result.id, createId(), "123", "'"]) {
        await assert.rejects(async () => t.backend.delete(id), missing);
      }
    },
  },
];
