import assert from "node:assert/strict";

import { TaskResultDoesNotExist, WaitTimeout } from "@tasks/core";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** Waiting for results. */
export const waitRequirements: readonly Requirement[] = [
  {
    id: "wait.success",
    sentence: "wait() resolves with the refreshed result when the task succeeds.",
    needs: ["wait", "worker"],
    test: async (t) => {
      await t.startWorker();
      const result = await t.task(() => 42).enqueue();
      assert.equal(await result.wait(), result);
      assert.equal(result.returnValue, 42);
    },
  },
  {
    id: "wait.failure",
    sentence: "wait() resolves, and does not reject, when the task fails.",
    needs: ["wait", "worker"],
    test: async (t) => {
      await t.startWorker();
      const task = t.task(() => {
        throw new Error("on purpose");
      });
      const result = await task.enqueue();
      await t.wait(result);
      assert.equal(result.status, "FAILED");
    },
  },
  {
    id: "wait.cancelled",
    sentence: "wait() resolves when the task is cancelled.",
    needs: ["wait", "cancel", "queued"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const waiting = t.wait(await t.backend.getResult(result.id));
      const [waited] = await Promise.all([waiting, result.cancel()]);
      assert.equal(waited.state, "cancelled");
    },
  },
  {
    id: "wait.already-finished",
    sentence: "wait() for a finished result resolves at once.",
    needs: ["wait", "worker"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      const again = await t.backend.getResult(result.id);
      assert.equal((await again.wait({ timeoutMs: 1 })).returnValue, 1);
    },
  },
  {
    id: "wait.timeout",
    sentence: "wait() rejects with WaitTimeout at its limit, and the task continues.",
    needs: ["wait", "queued"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await assert.rejects(async () => result.wait({ timeoutMs: 30 }), { name: WaitTimeout.name });
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "wait.signal",
    sentence: "wait() gives up with the reason of its signal.",
    needs: ["wait", "queued"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const controller = new AbortController();
      const waiting = assert.rejects(result.wait({ signal: controller.signal, timeoutMs: 5000 }), {
        message: "enough",
      });
      controller.abort(new Error("enough"));
      await waiting;
    },
  },
  {
    id: "wait.many",
    sentence: "Twenty can wait for one result.",
    needs: ["wait", "worker"],
    test: async (t) => {
      const go = createDeferred();
      const task = t.task(() => go.promise);
      const { id } = await task.enqueue();
      await t.startWorker();
      const handles = await Promise.all(Array.from({ length: 20 }, () => task.getResult(id)));
      const waiting = handles.map((handle) => t.wait(handle));
      go.resolve();
      const statuses = new Set((await Promise.all(waiting)).map(({ status }) => status));
      assert.deepEqual(statuses, new Set(["SUCCESSFUL"]));
    },
  },
  {
    id: "wait.deleted",
    sentence: "wait() for a result that is deleted meanwhile is TaskResultDoesNotExist.",
    needs: ["wait", "list", "queued"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const rejection = assert.rejects(t.wait(result), {
        name: TaskResultDoesNotExist.name,
      });
      await t.backend.delete(result.id);
      await rejection;
    },
  },
  {
    id: "wait.other-handle",
    sentence: "wait() notices what another process finished.",
    needs: ["wait", "worker", "secondHandle"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task(() => "there").enqueue();
      await t.startWorker({}, elsewhere);
      await t.wait(result);
      assert.equal(result.returnValue, "there");
    },
  },
];
