import assert from "node:assert/strict";

import { InvalidTask, InvalidTaskBackend, task, Task, withBackends } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** Tasks and aliases, as they meet the backend. */
export const taskRequirements: readonly Requirement[] = [
  {
    id: "task.definitions",
    sentence: "Tasks with options, without, and from a bare function are enqueued alike.",
    needs: [],
    upstream: ["10", "25"],
    test: async (t) => {
      const name = `bare_${t.namespace}`;
      const bare = { [name]: (text: string) => text }[name]!;
      const tasks = [
        t.task((text: string) => text),
        t.task({}, (text: string) => text),
        task(bare),
      ];
      for (const defined of tasks) {
        assert.ok(defined instanceof Task);
        const result = await defined.enqueue("a");
        assert.equal(result.taskName, defined.name);
      }
      assert.equal(tasks[2]!.name, name);
    },
  },
  {
    id: "task.async",
    sentence: "An async function is a task like any other.",
    needs: ["asyncTask"],
    upstream: ["10", "23"],
    test: async (t) => {
      const defined = task({ name: t.name() }, async () => "async");
      const result = await defined.enqueue();
      if (!t.offers.has("execution")) return;
      await t.finish(result);
      assert.equal(result.returnValue, "async");
    },
  },
  {
    id: "task.using-is-a-copy",
    sentence:
      "using() gives another task with the same settings; what it changes shows in its own results only.",
    needs: ["priority"],
    upstream: ["11", "14", "15", "129"],
    test: async (t) => {
      const original = t.task(() => null);
      const same = original.using({});
      assert.notEqual(same, original);
      assert.deepEqual(same.settings, original.settings);
      const urgent = original.using({ priority: 10 }).using({});
      const priorities = [];
      for (const one of [original, urgent, original])
        priorities.push((await one.enqueue()).priority);
      assert.deepEqual(priorities, [0, 10, 0]);
    },
  },
  {
    id: "task.chained-using",
    sentence: "Chained using() keeps what the first one changed.",
    needs: ["priority", "defer"],
    upstream: ["13", "15"],
    test: async (t) => {
      const runAfter = new Date(Date.now() + 3_600_000);
      const deferred = t.task(() => null).using({ runAfter });
      const result = await deferred.using({ priority: 10 }).enqueue();
      const offMs = Math.abs(result.runAfter!.getTime() - runAfter.getTime());
      assert.ok(offMs <= t.supports.timeResolutionMs, `${offMs} ms off`);
      assert.deepEqual([result.priority, deferred.priority], [10, 0]);
    },
  },
  {
    id: "task.bad-run-after",
    sentence: "What is no moment and no delay is refused as runAfter, and nothing is stored.",
    needs: ["defer"],
    upstream: ["16"],
    test: async (t) => {
      const defined = t.task(() => null);
      const bad = [new Date(Number.NaN), "2030-01-01T00:00:00", 5, {}, { weeks: 1 }, { hours: -1 }];
      for (const runAfter of bad) {
        await t.assertRefused(
          defined,
          async () => defined.using({ runAfter: runAfter as Date }).enqueue(),
          { name: InvalidTask.name, message: /runAfter/ },
        );
      }
    },
  },
  {
    id: "task.moments",
    sentence: "A moment that is no Date, such as a Temporal.Instant, defers a task too.",
    needs: ["defer"],
    upstream: ["16"],
    test: async (t) => {
      const epochMilliseconds = Date.now() + 3_600_000;
      const result = await t
        .task(() => null)
        .using({ runAfter: { epochMilliseconds } })
        .enqueue();
      const offMs = Math.abs(result.runAfter!.getTime() - epochMilliseconds);
      assert.ok(offMs <= t.supports.timeResolutionMs, `${offMs} ms off`);
    },
  },
  {
    id: "task.unknown-options",
    sentence: "Unknown options, runAfter in a definition included, are a TypeError.",
    needs: [],
    upstream: ["28", "130"],
    test: (t) => {
      const options = [{ otherData: 1 }, { runAfter: new Date() }];
      for (const option of options) {
        assert.throws(() => t.task(option as object, () => null), { name: "TypeError" });
      }
      const using = t.task(() => null);
      assert.throws(() => using.using({ otherData: 1 } as object), { name: "TypeError" });
    },
  },
  {
    id: "task.no-backend",
    sentence:
      "Without any backend an enqueue is InvalidTaskBackend, and nothing is stored elsewhere.",
    needs: [],
    upstream: ["5"],
    test: async (t) => {
      const defined = t.task(() => null);
      await t.assertRefused(defined, () => withBackends({}, () => defined.enqueue()), {
        name: InvalidTaskBackend.name,
        message: /The connection 'default' doesn't exist\./,
      });
    },
  },
  {
    id: "task.unknown-backend",
    sentence:
      "A task of an unknown alias is refused by name; the task it was made from stays as it was.",
    needs: [],
    upstream: ["7"],
    test: async (t) => {
      const defined = t.task(() => null);
      await t.assertRefused(defined, async () => defined.using({ backend: "unknown" }).enqueue(), {
        name: InvalidTaskBackend.name,
        message: /The connection 'unknown' doesn't exist\./,
      });
      assert.equal((await defined.enqueue()).backend, "default");
    },
  },
  {
    id: "task.missing-backend",
    sentence: "A factory that throws is InvalidTaskBackend with alias and cause.",
    needs: [],
    upstream: ["8"],
    test: async (t) => {
      const defined = t.task(() => null);
      const cause = new Error("no such module");
      const missing = (): never => {
        throw cause;
      };
      await assert.rejects(
        async () =>
          withBackends({ default: t.backend, missing }, () =>
            defined.using({ backend: "missing" }).enqueue(),
          ),
        { name: InvalidTaskBackend.name, message: /Could not find backend 'missing'/, cause },
      );
    },
  },
  {
    id: "task.factory",
    sentence: "A backend made by a factory is made once and serves its alias.",
    needs: [],
    upstream: ["6", "124"],
    test: async (t) => {
      let made = 0;
      const factory = (): typeof t.backend => {
        made += 1;
        return t.backend;
      };
      await withBackends({ default: factory }, async () => {
        const defined = t.task(() => null);
        assert.equal(defined.getBackend(), t.backend);
        await defined.enqueue();
      });
      assert.equal(made, 1);
    },
  },
  {
    id: "task.has-its-methods",
    sentence: "A backend has the methods of the contract, enqueue() among them.",
    needs: [],
    upstream: ["126"],
    test: (t) => {
      const methods = ["enqueue", "enqueueMany", "getResult", "check", "close", "now"] as const;
      for (const method of methods) assert.equal(typeof t.backend[method], "function", method);
    },
  },
  {
    id: "task.equal-results",
    sentence:
      "Two results are equal when id, status and latest attempt agree, and unequal when one does not.",
    needs: ["getResult", "queued", "cancel"],
    upstream: ["47"],
    test: async (t) => {
      const defined = t.task(() => null);
      const result = await defined.enqueue();
      const again = await defined.getResult(result.id);
      assert.ok(result.equals(again));
      assert.ok(!result.equals(await defined.enqueue()));
      await again.cancel();
      assert.ok(!result.equals(await again.refresh()));
    },
  },
];
