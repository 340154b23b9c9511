import assert from "node:assert/strict";

import { task } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { recordedWarnings } from "../internal/recorder.ts";
import { StoreDriver } from "../internal/store-driver.ts";
import type { Requirement } from "../requirement.ts";

/** Stored names that no task of this process has. */
export const unknownTaskRequirements: readonly Requirement[] = [
  {
    id: "unknown-task.left-alone",
    sentence: "A worker leaves a task it does not know as it is: READY, no attempt, no error.",
    needs: ["worker", "getResult"],
    upstream: ["158", "159", "213", "215", "C6"],
    test: async (t) => {
      const { record } = await t.backend.enqueue(t.request());
      await t.drain({ queueNames: ["*"] });
      const { status, attempts, errors } = await t.backend.getResult(record.id);
      assert.deepEqual({ status, attempts, errors }, { status: "READY", attempts: 0, errors: [] });
    },
  },
  {
    id: "unknown-task.holds-up-nobody",
    sentence: "Fifty unknown tasks in front do not delay the tasks behind them.",
    needs: ["worker", "getResult"],
    upstream: ["C6"],
    test: async (t) => {
      const taskName = t.name();
      await t.backend.enqueueMany(Array.from({ length: 50 }, () => t.request({ taskName })));
      const result = await t.task(() => "went by").enqueue();
      await t.drain({ concurrency: 1 });
      assert.equal((await result.refresh()).returnValue, "went by");
    },
  },
  {
    id: "unknown-task.of-served-queues",
    sentence:
      "unknownTasks() names due tasks of the served queues that are not known, at most ten.",
    needs: ["workerStore", "queues", "defer"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const names = { unknown: t.name(), elsewhere: t.name(), later: t.name() };
      const known = t.task(() => null);
      await known.enqueue();
      await t.backend.enqueue(t.request({ taskName: names.unknown }));
      await t.backend.enqueue(t.request({ taskName: names.elsewhere, queueName: "elsewhere" }));
      await t.backend.enqueue(t.request({ taskName: names.later, delayMs: 3_600_000 }));
      const request = driver.request({ taskNames: [known.name] });
      const named = async (changes: object): Promise<readonly string[]> =>
        (await driver.store.unknownTasks({ ...request, ...changes })).toSorted();
      assert.deepEqual(await named({ queueNames: ["default"] }), [names.unknown]);
      assert.deepEqual(await named({ excludeQueues: ["elsewhere"] }), [names.unknown]);
      assert.deepEqual(await named({}), [names.unknown, names.elsewhere].toSorted());
      const many = Array.from({ length: 15 }, () => t.request());
      await t.backend.enqueueMany(many);
      assert.ok((await named({})).length <= 10);
    },
  },
  {
    id: "unknown-task.runs-where-known",
    sentence: "A worker that knows the task runs it.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const request = t.request({ args: [20, 22] });
      const { record } = await t.backend.enqueue(request);
      await t.drain();
      task({ name: request.taskName }, (a: number, b: number) => a + b);
      await t.drain();
      assert.equal((await t.backend.getResult(record.id)).returnValue, 42);
    },
  },
  {
    id: "unknown-task.reported",
    sentence: "A worker warns of tasks it does not know, by name.",
    needs: ["worker"],
    test: async (t) => {
      const request = t.request();
      await t.backend.enqueue(request);
      await t.drain();
      await until("The warning is logged", () =>
        recordedWarnings().some((message) => message.includes(request.taskName)),
      );
    },
  },
  {
    id: "unknown-task.hostile-names",
    sentence:
      "A stored name selects a registered task or nothing: no path, module or property of an object.",
    needs: ["worker", "getResult"],
    upstream: ["158", "213"],
    test: async (t) => {
      const names = [
        "constructor",
        "toString",
        "__proto__",
        "hasOwnProperty",
        "node:child_process",
        "../../etc/passwd",
        "file:///etc/passwd",
        "'; DROP TABLE tasks; --",
        "%",
        "*",
      ];
      const records = [];
      for (const taskName of names) {
        records.push((await t.backend.enqueue(t.request({ taskName }))).record);
      }
      await t.drain();
      for (const { id, taskName } of records) {
        const result = await t.backend.getResult(id);
        assert.deepEqual([result.taskName, result.status], [taskName, "READY"]);
        assert.throws(() => result.task);
      }
    },
  },
];
