import assert from "node:assert/strict";

import { taskEnqueued, taskFinished, taskStarted, type TaskResult } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import type { Requirement } from "../requirement.ts";
import type { AnyTask, Scope } from "../scope.ts";

type TaskSignal = typeof taskEnqueued;

/** What the process is told about tasks, and its log. */
export const signalsRequirements: readonly Requirement[] = [
  {
    id: "signals.of-a-success",
    sentence: "A successful run sends enqueued, started and finished, once each, in this order.",
    needs: ["execution"],
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      assert.deepEqual(await settled(t, result), ["enqueued", "started", "finished SUCCESSFUL"]);
    },
  },
  {
    id: "signals.of-a-failure",
    sentence: "A failed run sends enqueued, started and finished, once each, in this order.",
    needs: ["execution"],
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.run(
        t.task(() => {
          throw new Error("on purpose");
        }),
      );
      assert.deepEqual(await settled(t, result), ["enqueued", "started", "finished FAILED"]);
    },
  },
  {
    id: "signals.of-a-retry",
    sentence: "started is sent for every attempt, finished only for the last.",
    needs: ["execution", "retry"],
    upstream: ["S1"],
    test: async (t) => {
      const task = t.contextTask(
        { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        ({ attempt }) => {
          if (attempt === 1) throw new Error("again");
        },
      );
      const result = await t.run(task);
      const expected = ["enqueued", "started", "started", "finished SUCCESSFUL"];
      assert.deepEqual(await settled(t, result), expected);
    },
  },
  {
    id: "signals.started-carries-the-attempt",
    sentence: "started carries RUNNING with the attempt already counted.",
    needs: ["execution"],
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      const started = t.events(result).find(({ type }) => type === "started");
      assert.ok(started);
      const { status, attempts, workerIds } = started.taskResult;
      assert.deepEqual([status, attempts, workerIds], ["RUNNING", 1, result.workerIds]);
    },
  },
  {
    id: "signals.finished-carries-the-outcome",
    sentence: "finished carries the finished result, return value included.",
    needs: ["execution"],
    upstream: ["S1"],
    test: async (t) => {
      const result = await t.run(t.task(() => 42));
      await settled(t, result);
      const finished = t.events(result).find(({ type }) => type === "finished");
      assert.ok(finished);
      assert.equal(finished.taskResult.returnValue, 42);
      assert.ok(finished.taskResult.equals(result));
    },
  },
  {
    id: "signals.finished-is-durable",
    sentence: "When finished is sent, the stored result is finished.",
    needs: ["worker", "getResult"],
    test: async (t) => {
      const task = t.task(() => 1);
      const seen: string[] = [];
      await listening(taskFinished, task, t, async ({ id }) => {
        seen.push((await t.backend.getResult(id)).status);
      });
      assert.deepEqual(seen, ["SUCCESSFUL"]);
    },
  },
  {
    id: "signals.sender",
    sentence: "The sender of all three signals is the backend.",
    needs: ["execution"],
    upstream: ["S2"],
    test: async (t) => {
      const result = await t.run(t.task(() => 1));
      await settled(t, result);
      const senders = t.events(result).map(({ sender }) => sender === t.backend);
      assert.deepEqual(senders, [true, true, true]);
    },
  },
  {
    id: "signals.cancelled-while-ready",
    sentence: "Cancelling a waiting task sends finished, and never started.",
    needs: ["queued", "cancel"],
    test: async (t) => {
      const result = await t.task(() => 1).enqueue();
      await result.cancel();
      assert.deepEqual(await settled(t, result), ["enqueued", "finished FAILED"]);
    },
  },
  {
    id: "signals.async-receiver",
    sentence: "enqueue() resolves after the async receivers of taskEnqueued are done.",
    needs: [],
    upstream: ["S4"],
    test: async (t) => {
      const task = t.task(() => null);
      let isDone = false;
      const disconnect = taskEnqueued.connect(async ({ taskResult }) => {
        if (taskResult.taskName !== task.name) return;
        await new Promise(setImmediate);
        isDone = true;
      });
      await task.enqueue();
      disconnect();
      assert.ok(isDone);
    },
  },
  {
    id: "signals.disconnect",
    sentence: "A receiver that was disconnected hears nothing more.",
    needs: [],
    upstream: ["S4"],
    test: async (t) => {
      const task = t.task(() => null);
      let heard = 0;
      const disconnect = taskEnqueued.connect(({ taskResult }) => {
        if (taskResult.taskName === task.name) heard += 1;
      });
      await task.enqueue();
      const before = heard;
      disconnect();
      await task.enqueue();
      assert.deepEqual([before, heard], [1, 1]);
    },
  },
  harmless("enqueued", taskEnqueued),
  harmless("started", taskStarted),
  harmless("finished", taskFinished),
  {
    id: "signals.log-of-a-success",
    sentence: "A success logs three lines: enqueued, RUNNING, SUCCESSFUL.",
    needs: ["execution"],
    upstream: ["99", "101", "212", "260"],
    test: async (t) => {
      const task = t.task(() => 1);
      const result = await t.run(task);
      await settled(t, result);
      const about = `Task id=${result.id} path=${task.name}`;
      assert.deepEqual(t.logs(result), [
        { level: "debug", message: `${about} enqueued backend=default` },
        { level: "info", message: `${about} state=RUNNING` },
        { level: "info", message: `${about} state=SUCCESSFUL` },
      ]);
    },
  },
  {
    id: "signals.log-of-a-failure",
    sentence: "A failure logs a third line at level error, with the traceback.",
    needs: ["execution"],
    upstream: ["88", "100"],
    test: async (t) => {
      const task = t.task(() => {
        throw new TypeError("the reason");
      });
      const result = await t.run(task);
      await settled(t, result);
      const lines = t.logs(result);
      assert.deepEqual(
        lines.map(({ level }) => level),
        ["debug", "info", "error"],
      );
      const { message } = lines[2]!;
      assert.ok(
        message.startsWith(`Task id=${result.id} path=${task.name} state=FAILED\n`),
        message,
      );
      assert.ok(message.includes("state=FAILED\nTypeError: the reason\n    at "), message);
    },
  },
];

/** Signals of a finished result: `finished` may still be on its way when the result is already stored. */
async function settled(t: Scope, result: TaskResult): Promise<readonly string[]> {
  const seen = (): readonly string[] =>
    t
      .events(result)
      .map(({ type, taskResult }) => (type === "finished" ? `${type} ${taskResult.status}` : type));
  await until("finished is sent", () => seen().some((text) => text.startsWith("finished")));
  return seen();
}

/** Runs a task while a receiver listens to what concerns it. */
async function listening(
  signal: TaskSignal,
  task: AnyTask,
  t: Scope,
  receive: (result: TaskResult) => void | Promise<void>,
): Promise<TaskResult> {
  const disconnect = signal.connect(async ({ taskResult }) => {
    if (taskResult.taskName === task.name) await receive(taskResult);
  });
  try {
    const result = await t.run(task);
    await settled(t, result);
    return result;
  } finally {
    disconnect();
  }
}

function harmless(name: string, signal: TaskSignal): Requirement {
  return {
    id: `signals.receiver-of-${name}-throws`,
    sentence: `A receiver of ${name} that throws changes nothing: the task is stored and runs once, with its true outcome.`,
    needs: ["execution"],
    upstream: ["S3"],
    test: async (t) => {
      let runs = 0;
      const task = t.task(() => ++runs);
      const result = await listening(signal, task, t, () => {
        throw new Error("a receiver's own trouble");
      });
      assert.deepEqual([result.status, result.returnValue, runs], ["SUCCESSFUL", 1, 1]);
      assert.equal((await t.run(task)).status, "SUCCESSFUL");
    },
  };
}
