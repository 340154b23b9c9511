import assert from "node:assert/strict";

import {
  InvalidOption,
  type Backend,
  type TaskResult,
  type TaskState,
  type WorkerOptions,
} from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import { successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Holding up a queue. */
export const pauseRequirements: readonly Requirement[] = [
  {
    id: "pause.holds",
    sentence:
      "No task of a paused queue is claimed, by workers of this queue, of several or of all.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      const result = await t.task(() => 1).enqueue();
      await t.backend.pause("default");
      await assertHeld(t, result);
    },
  },
  {
    id: "pause.of-an-empty-queue",
    sentence: "A queue can be paused before it holds anything.",
    needs: ["pause", "worker", "getResult"],
    test: async (t) => {
      await t.backend.pause("default");
      const result = await t.task(() => 1).enqueue();
      await assertHeld(t, result);
    },
  },
  {
    id: "pause.of-tasks-that-fall-due",
    sentence: "A task that falls due while its queue is paused is not claimed.",
    needs: ["pause", "worker", "getResult", "defer"],
    test: async (t) => {
      const task = t.task(() => 1).using({ runAfter: { milliseconds: 50 } });
      const result = await task.enqueue();
      await t.backend.pause("default");
      await t.untilDue(result);
      await assertHeld(t, result);
    },
  },
  {
    id: "pause.among-many-queues",
    sentence: "A task that falls due in a paused queue is not claimed beside those of many queues.",
    needs: ["pause", "workerStore", "queues", "defer"],
    test: async (t) => {
      const task = t.task(() => null).using({ runAfter: { milliseconds: 50 } });
      const count = 80;
      const paused = ["q7", "q30"];
      for (const name of paused) await t.backend.pause(name);
      const names = Array.from({ length: count }, (_, index) => `q${index}`);
      const results = await Promise.all(
        names.map((queueName) => task.using({ queueName }).enqueue()),
      );
      for (const result of results) await t.untilDue(result);
      const driver = await StoreDriver.register(t.backend);
      const claimed = [];
      for (let found; (found = await driver.claim({ limit: 7 })).length > 0;)
        claimed.push(...found);
      const claimedFrom = new Set(claimed.map((one) => one.record().queueName));
      assert.deepEqual(
        names.filter((name) => !claimedFrom.has(name)),
        paused,
        "the queues of which nothing was claimed",
      );
    },
  },
  {
    id: "pause.of-released-tasks",
    sentence: "A task that is released while its queue is paused is not claimed again.",
    needs: ["pause", "workerStore", "getResult"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const result = await t.task(() => 1).enqueue();
      const claimed = await driver.claimOne();
      await t.backend.pause("default");
      await driver.complete(claimed, { type: "release" });
      await assertHeld(t, result);
    },
  },
  {
    id: "pause.resume",
    sentence: "After resume() a waiting worker continues by itself.",
    needs: ["pause", "worker", "wait"],
    test: async (t) => {
      await t.backend.pause("default");
      await t.startWorker();
      const result = await t.task(() => 1).enqueue();
      await t.backend.resume("default");
      await t.wait(result);
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "pause.resume-beside-others",
    sentence: "After resume() the tasks of a queue are claimed in their order, also beside others.",
    needs: ["pause", "workerStore", "queues", "priority"],
    test: async (t) => {
      const task = t.task(() => null);
      const driver = await StoreDriver.register(t.backend);
      await task.enqueueMany(Array.from({ length: 20 }, () => []));
      await t.backend.pause("held");
      const urgent = await task.using({ queueName: "held", priority: 10 }).enqueue();
      // A claim has met the paused queue, and passed it over.
      const [other] = await driver.claim({ limit: 1 });
      assert.notEqual(other?.id, urgent.id);
      await t.backend.resume("held");
      const [next] = await driver.claim({ limit: 1 });
      assert.equal(next?.id, urgent.id);
    },
  },
  {
    id: "pause.backlog",
    sentence: "Tasks of a paused queue that are due delay no task of another queue.",
    needs: ["pause", "worker", "defer", "queues", "wait"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const paused = task.using({ queueName: "paused", priority: 10 });
      const calls = Array.from({ length: 1000 }, () => [0]);
      await t.backend.pause("paused");
      await paused.enqueueMany(calls);
      const deferred = paused.using({ runAfter: { milliseconds: 50 } });
      const [last] = (await deferred.enqueueMany(calls)).slice(-1);
      await t.untilDue(last!);
      await t.startWorker({ queueNames: ["*"] });
      const later = await task.using({ runAfter: { milliseconds: 100 } }).enqueue(1);
      await later.wait({ timeoutMs: 5000 });
      assert.equal(later.returnValue, 1);
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
      await t.wait(result);
      assert.equal(result.status, "SUCCESSFUL");
    },
  },
  {
    id: "pause.other-queues",
    sentence: "Workers continue to run the tasks of queues that are not paused.",
    needs: ["pause", "worker", "queues", "getResult"],
    test: async (t) => {
      await t.backend.pause("default");
      const task = t.task(() => 1);
      const held = await task.enqueue();
      for (const queueNames of [["*"], ["default", "other"], ["other"]]) {
        const result = await task.using({ queueName: "other" }).enqueue();
        await t.drain({ queueNames });
        assert.equal((await result.refresh()).status, "SUCCESSFUL", queueNames.join(", "));
      }
      assert.equal((await held.refresh()).status, "READY");
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
        await assert.rejects(t.backend[change]("no queue"), { name: InvalidOption.name });
      }
    },
  },
  {
    id: "pause.other-handle",
    sentence: "A pause holds in every process, and so does its end.",
    needs: ["pause", "worker", "secondHandle", "getResult"],
    test: async (t) => {
      const elsewhere = await t.open();
      const result = await t.task(() => 1).enqueue();
      await t.backend.pause("default");
      await assertHeld(t, result, elsewhere);
      await t.backend.resume("default");
      await t.drain({}, elsewhere);
      assert.equal((await result.refresh()).status, "SUCCESSFUL");
    },
  },
  {
    id: "pause.begins-no-more",
    sentence:
      "After pause() resolved, no task of the queue begins, also none that was claimed ahead.",
    needs: ["pause", "worker", "queues", "list"],
    timeoutMs: 60_000,
    test: async (t) => {
      const { pauseAmidst, begun } = await flood(t);
      await pauseAmidst(() => t.backend.pause("default"));
      assert.equal(await begun(), 0);
    },
  },
  {
    id: "pause.begins-no-more-elsewhere",
    sentence: "After pause() resolved, no worker of another process begins a task of the queue.",
    needs: ["pause", "worker", "queues", "list", "secondHandle"],
    timeoutMs: 60_000,
    test: async (t) => {
      const elsewhere = await t.open();
      const { pauseAmidst, begun } = await flood(t);
      await pauseAmidst(() => elsewhere.pause("default"));
      assert.equal(await begun(), 0);
    },
  },
  {
    id: "pause.checked",
    sentence: "A check of attempts names only those whose queue is paused.",
    needs: ["pause", "workerStore", "queues"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(() => null);
      await task.enqueue();
      const paused = await driver.claimOne();
      await task.using({ queueName: "other" }).enqueue();
      const other = await driver.claimOne();
      const idsOfPaused = async (): Promise<readonly string[] | undefined> => {
        const { store, session } = driver;
        const refs = [paused, other].map((claimed) => driver.refOf(claimed));
        const checks = await store.checkAttempts(session, refs);
        assert.deepEqual([checks.cancelled, checks.lost], [[], []]);
        return checks.paused;
      };
      assert.deepEqual(await idsOfPaused(), []);
      await t.backend.pause("default");
      assert.deepEqual(await idsOfPaused(), [paused.id]);
      await t.backend.resume("default");
      assert.deepEqual(await idsOfPaused(), []);
      for (const claimed of [paused, other]) await driver.complete(claimed, successful(null));
    },
  },
];

/** Workers of every kind leave a result READY. */
async function assertHeld(t: Scope, result: TaskResult, backend?: Backend): Promise<void> {
  const kinds: readonly WorkerOptions[] = [
    { queueNames: ["default"] },
    { queueNames: ["*"] },
    { queueNames: ["*"], excludeQueues: ["excluded"] },
    ...(t.offers.has("queues") ? [{ queueNames: ["other", "default"] }] : []),
  ];
  for (const options of kinds) {
    await t.drain(options, backend);
    assert.equal((await result.refresh()).status, "READY", JSON.stringify(options));
  }
}

/** A worker amidst many short tasks of the queue `default`, and of another one. */
async function flood(t: Scope): Promise<{
  /** Pauses the queue when some of its tasks have run and many have not. */
  readonly pauseAmidst: (pause: () => Promise<void>) => Promise<void>;
  /** How many of its tasks began after that, once the worker holds none and the other queue is empty. */
  readonly begun: () => Promise<number>;
}> {
  const count = 600;
  const some = createDeferred();
  const paused = createDeferred();
  let begun = 0;
  const task = t.task(async (isPausedQueue: boolean) => {
    if (!isPausedQueue) return;
    begun++;
    if (begun === count / 15) some.resolve();
    // Tasks begin while the queue is being paused, and some are left however long that takes.
    if (begun > count / 2) await paused.promise;
  });
  const other = task.using({ queueName: "other" });
  const calls = Array.from({ length: count }, () => [true]);
  if (t.supports.batch) await task.enqueueMany(calls);
  else await Promise.all(calls.map((args) => task.enqueue(...args)));
  await t.startWorker({ queueNames: ["*"], concurrency: 4 });
  let begunBefore = 0;
  return {
    pauseAmidst: async (pause) => {
      await some.promise;
      await pause();
      begunBefore = begun;
      paused.resolve();
      await other.enqueue(false);
    },
    begun: async () => {
      await until("the worker holds no task, and goes on with the other queue", async () => {
        const { READY, RUNNING } = await t.backend.counts();
        return RUNNING === 0 && READY === count - begun;
      });
      return begun - begunBefore;
    },
  };
}
