import assert from "node:assert/strict";

import { DiscardTask, RetryTask } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

class CustomError extends Error {
  override readonly name = "CustomError";
}

/** Tasks that fail. */
export const failureRequirements: readonly Requirement[] = [
  {
    id: "failure.thrown",
    sentence: "A task that throws is FAILED, and reading its return value throws “Task failed”.",
    needs: ["execution"],
    upstream: ["88", "198", "255"],
    test: async (t) => {
      const result = await t.run(
        t.task(() => {
          throw new TypeError("wrong type");
        }),
      );
      assert.deepEqual([result.status, result.state, result.attempts], ["FAILED", "failed", 1]);
      assert.throws(() => result.returnValue as unknown, { message: "Task failed" });
    },
  },
  {
    id: "failure.rejected",
    sentence: "A rejected promise fails the task as a throw does.",
    needs: ["execution"],
    test: async (t) => {
      const result = await t.run(t.task(async () => Promise.reject(new RangeError("later"))));
      assert.deepEqual([result.status, result.errors[0]!.exceptionClass], ["FAILED", "RangeError"]);
    },
  },
  {
    id: "failure.record",
    sentence:
      "A stored error has class, message, a traceback that begins with both, attempt, worker and time.",
    needs: ["execution"],
    upstream: ["88", "145", "198", "255"],
    test: async (t) => {
      const result = await t.run(
        t.task(() => {
          throw new CustomError("on purpose");
        }),
      );
      assert.equal(result.errors.length, 1);
      const { exceptionClass, message, traceback, attempt, workerId, occurredAt } =
        result.errors[0]!;
      assert.deepEqual(
        { exceptionClass, message, attempt, workerId },
        {
          exceptionClass: "CustomError",
          message: "on purpose",
          attempt: 1,
          workerId: result.workerIds[0],
        },
      );
      assert.match(traceback, /^CustomError: on purpose\n {4}at /);
      assert.ok(occurredAt instanceof Date && occurredAt >= result.enqueuedAt);
    },
  },
  {
    id: "failure.nested",
    sentence:
      "Of an error with causes the outermost class is recorded, and the traceback holds them all.",
    needs: ["execution"],
    upstream: ["199", "256"],
    test: async (t) => {
      const result = await t.run(
        t.task(() => {
          throw new CustomError("outer", { cause: new TypeError("inner") });
        }),
      );
      const [error] = result.errors;
      assert.equal(error!.exceptionClass, "CustomError");
      assert.match(error!.traceback, /TypeError: inner/);
      assert.match(error!.traceback, /^CustomError: outer\n/);
    },
  },
  {
    id: "failure.wrong-arguments",
    sentence: "A call the function cannot work with fails that task only.",
    needs: ["execution"],
    test: async (t) => {
      const task = t.task((text: string) => text.toUpperCase());
      const bad = await task.enqueue();
      const good = await task.enqueue("a");
      await t.finish(bad, good);
      assert.deepEqual([bad.status, good.status], ["FAILED", "SUCCESSFUL"]);
      assert.equal(bad.errors[0]!.exceptionClass, "TypeError");
    },
  },
  {
    id: "failure.discarded",
    sentence: "DiscardTask ends a task as FAILED, also with attempts left.",
    needs: ["execution", "retry"],
    test: async (t) => {
      const result = await t.run(
        t.task({ maxAttempts: 5 }, () => {
          throw new DiscardTask("no use");
        }),
      );
      assert.deepEqual([result.status, result.attempts], ["FAILED", 1]);
      assert.equal(result.errors[0]!.message, "no use");
    },
  },
  {
    id: "failure.retry-task-exhausted",
    sentence: "RetryTask on the last attempt is a failure.",
    needs: ["execution"],
    test: async (t) => {
      const result = await t.run(
        t.task(() => {
          throw new RetryTask({ delayMs: 0 });
        }),
      );
      assert.deepEqual([result.status, result.attempts], ["FAILED", 1]);
    },
  },
];
