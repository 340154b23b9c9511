import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";

import { currentTask, type TaskContext } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** What a running task knows of itself. */
export const contextRequirements: readonly Requirement[] = [
  {
    id: "context.enqueue",
    sentence: "A task that takes a context is enqueued with its other arguments alone.",
    needs: [],
    upstream: ["56"],
    test: async (t) => {
      const result = await t.contextTask((_context, text: string) => text).enqueue("a");
      assert.deepEqual(result.args, ["a"]);
    },
  },
  {
    id: "context.result",
    sentence: "The context holds the result: its id, and RUNNING with this attempt and worker.",
    needs: ["execution"],
    upstream: ["54", "57", "59"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(({ taskResult: { id, status, attempts, workerIds } }) => ({
          id,
          status,
          attempts,
          workerIds,
        })),
      );
      const { id, workerIds } = result;
      assert.deepEqual(result.returnValue, { id, status: "RUNNING", attempts: 1, workerIds });
    },
  },
  {
    id: "context.attempt",
    sentence: "The first attempt has the number 1.",
    needs: ["execution"],
    upstream: ["58", "60"],
    test: async (t) => {
      const result = await t.run(t.contextTask((context) => context.attempt));
      assert.equal(result.returnValue, 1);
    },
  },
  {
    id: "context.async-context",
    sentence:
      "Every attempt starts from the async context in which run() of the worker was called.",
    needs: ["worker"],
    test: async (t) => {
      const storage = new AsyncLocalStorage<string>();
      const inherited: (string | undefined)[] = [];
      const enter = (name: string): void => {
        inherited.push(storage.getStore());
        storage.enterWith(name);
      };
      const tasks = [
        t.task(enter),
        t.task(async (name: string) => {
          enter(name);
          await Promise.resolve();
        }),
        t.task({ maxAttempts: 2, backoff: { delayMs: 0 } }, (name: string) => {
          enter(name);
          throw new Error("again");
        }),
      ];
      for (const task of tasks) {
        for (const name of ["ada", "bob"]) {
          await storage.run(`the request of ${name}`, () => task.enqueue(name));
        }
      }
      await storage.run("the program", () => t.drain({ concurrency: 2 }));
      assert.ok(inherited.length >= 6, `${inherited.length} attempts`);
      assert.deepEqual(new Set(inherited), new Set(["the program"]));
    },
  },
  {
    id: "context.async-context-ends",
    sentence:
      "An async context that a task enters reaches neither the caller that enqueued it nor the one that ran the worker.",
    needs: ["execution"],
    test: async (t) => {
      const storage = new AsyncLocalStorage<string>();
      const task = t.task((name: string) => storage.enterWith(name));
      await t.run(task, "ada");
      assert.equal(storage.getStore(), undefined);
    },
  },
  {
    id: "context.current-task",
    sentence:
      "currentTask() gives the same context anywhere inside the task, after a pause as well.",
    needs: ["execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(async (context) => {
          await Promise.resolve();
          return currentTask() === context;
        }),
      );
      assert.equal(result.returnValue, true);
    },
  },
  {
    id: "context.current-task-of-each",
    sentence: "Tasks that run side by side each see their own context.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const task = t.contextTask(async (context) => {
        await new Promise(setImmediate);
        return currentTask()?.taskResult.id === context.taskResult.id;
      });
      const results = await task.enqueueMany(Array.from({ length: 10 }, () => []));
      await t.finish(...results);
      assert.deepEqual(new Set(results.map(({ returnValue }) => returnValue)), new Set([true]));
    },
  },
  {
    id: "context.signal",
    sentence: "The signal of an undisturbed attempt never fires.",
    needs: ["execution"],
    test: async (t) => {
      let context: TaskContext | undefined;
      const result = await t.run(
        t.contextTask((given) => {
          context = given;
          return given.signal.aborted;
        }),
      );
      assert.equal(result.returnValue, false);
      assert.equal(context!.signal.aborted, false);
    },
  },
  {
    id: "context.enqueues",
    sentence: "A running task can enqueue another one.",
    needs: ["execution", "getResult"],
    test: async (t) => {
      const child = t.task((n: number) => n + 1);
      const parent = await t.run(
        t.task(async (n: number) => (await child.enqueue(n)).id),
        1,
      );
      const result = await child.getResult(parent.returnValue as string);
      await t.finish(result);
      assert.equal(result.returnValue, 2);
    },
  },
];
