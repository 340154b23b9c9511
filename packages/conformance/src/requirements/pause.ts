import assert from "node:assert/strict";

import { InvalidTask, type TaskState } from "@tasks/core";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

/** Holding up a queue. */
export const pauseRequirements: readonly Requirement[] = [
  {
    id: "pause.holds",
    sentence: "No task of a paused queue is claimed.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      const result = await t.task(() => 1).enqueue();
      await t.backend.pause("default");
      await t.drain();
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "pause.of-an-empty-queue",
    sentence: "A queue can be paused before it holds anything.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      await t.backend.pause("default");
      const result = await t.task(() => 1).enqueue();
      await t.drain();
      assert.equal((await result.refresh()).status, "READY");
    },
  },
  {
    id: "pause.resume",
    sentence: "After resume() a waiting worker goes on by itself.",
    needs: ["pause", "worker", "wait"],
    test: async (t) => {
      await t.backend.pause("default");
      await t.startWorker();
      const result = await t.task(() => 1).enqueue();
      await t.backend.resume("default");
      await result.wait({ timeoutMs: 5000 });
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "pause.running-goes-on",
    sentence: "A running attempt of a paused queue ends as usual.",
    needs: ["pause", "worker", "wait"],
    test: async (t) => {
      const started = createDeferred();
      const end = createDeferred();
      const task = t.task(async () => {
        started.resolve();
        await end.promise;
      });
      const result = await task.enqueue();
      await t.startWorker();
      await started.promise;
      await t.backend.pause("default");
      end.resolve();
      await result.wait({ timeoutMs: 5000 });
      assert.equal(result.status, "SUCCESSFUL");
    },
  },
  {
    id: "pause.other-queues",
    sentence: "Other queues go on.",
    needs: ["pause", "worker", "queues", "getResult"],
    test: async (t) => {
      await t.backend.pause("default");
      const result = await t
        .task(() => 1)
        .using({ queueName: "other" })
        .enqueue();
      await t.drain({ queueNames: ["*"] });
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "pause.twice",
    sentence: "Pausing twice is pausing once, and resuming twice is resuming once.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      await t.backend.pause("default");
      await t.backend.pause("default");
      await t.backend.resume("default");
      await t.backend.resume("default");
      assert.equal((await t.run(t.task(() => 1))).returnValue, 1);
    },
  },
  {
    id: "pause.shown",
    sentence: "A paused queue is shown as paused, also when it is empty, until it is resumed.",
    needs: ["pause", "list"],
    test: async (t) => {
      const isPaused = async (): Promise<boolean | undefined> =>
        (await t.backend.queues()).find(({ name }) => name === "default")?.paused;
      await t.backend.pause("default");
      assert.equal(await isPaused(), true);
      await t.backend.resume("default");
      assert.notEqual(await isPaused(), true);
    },
  },
  {
    id: "pause.blocked",
    sentence: "A due task of a paused queue is READY, and blocked for people.",
    needs: ["pause", "queued", "getResult"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await t.backend.pause("default");
      await result.refresh();
      assert.deepEqual([result.status, result.state], ["READY", "blocked"]);
      await t.backend.resume("default");
      assert.equal((await result.refresh()).state, "ready");
    },
  },
  {
    id: "pause.listed",
    sentence: "Due tasks of a paused queue are listed as blocked, not as ready.",
    needs: ["pause", "queued", "list"],
    test: async (t) => {
      const { id } = await t.task(() => null).enqueue();
      const idsOf = async (state: TaskState): Promise<readonly string[]> =>
        (await t.backend.listRecords({ state })).records.map((record) => record.id);
      await t.backend.pause("default");
      assert.deepEqual([await idsOf("blocked"), await idsOf("ready")], [[id], []]);
      await t.backend.resume("default");
      assert.deepEqual([await idsOf("blocked"), await idsOf("ready")], [[], [id]]);
    },
  },
  {
    id: "pause.named-task",
    sentence: "A task that is run by its id runs, paused queue or not.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      const { id } = await t.task(() => 1).enqueue();
      await t.backend.pause("default");
      assert.equal((await t.backend.runTask(id)).returnValue, 1);
    },
  },
  {
    id: "pause.queue-name",
    sentence: "What is no name of a queue cannot be paused or resumed.",
    needs: ["pause"],
    test: async (t) => {
      for (const change of ["pause", "resume"] as const) {
        await assert.rejects(t.backend[change]("no queue"), { name: InvalidTask.name });
      }
    },
  },
  {
    id: "pause.other-handle",
    sentence: "A pause holds in every process.",
    needs: ["pause", "worker", "secondHandle", "getResult"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task(() => 1).enqueue();
      await t.backend.pause("default");
      await t.drain({}, elsewhere);
      assert.equal((await result.refresh()).status, "READY");
    },
  },
];
