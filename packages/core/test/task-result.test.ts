import {
  DummyBackend,
  ImmediateBackend,
  MemoryBackend,
  task,
  TaskDoesNotExist,
  TaskFailed,
  TaskNotFinished,
  TaskResult,
  TaskResultDoesNotExist,
  WaitTimeout,
  withBackends,
} from "@tasks/core";
import { drain } from "@tasks/core/testing";
import { describe, expect, it } from "vitest";

import { collectLogs } from "./support/logs.ts";
import { recordOf } from "./support/records.ts";

const echo = task({ name: "task-result.echo" }, (value?: unknown) => value);

describe("the return value", () => {
  it("may be null, which is not the same as not finished", async () => {
    const nothing = task({ name: "task-result.nothing" }, async () => {});
    const result = await withBackends({ default: new ImmediateBackend() }, () => nothing.enqueue());
    expect(result.returnValue).toBeNull();
    const waiting = await withBackends({ default: new DummyBackend() }, () => nothing.enqueue());
    expect(() => waiting.returnValue).toThrow(new TaskNotFinished());
    expect(() => waiting.returnValue).toThrow("Task has not finished yet");
  });

  it("of a failed task throws, with the stored error as the cause", () => {
    const error = {
      exceptionClass: "Error",
      message: "no",
      traceback: "",
      attempt: 1,
      workerId: "w",
      occurredAt: new Date(),
    };
    const result = new TaskResult(
      new DummyBackend(),
      recordOf({ status: "FAILED", errors: [error] }),
    );
    expect(() => result.returnValue).toThrow(new TaskFailed({ cause: error }));
  });

  it("is normalised the same on every backend", async () => {
    const value = {
      bytes: new TextEncoder().encode("ü"),
      zero: -0,
      left: undefined,
      list: [1, { a: null }],
    };
    const subject = task({ name: "task-result.normalised" }, (): unknown => value);
    const expected = { bytes: "ü", zero: 0, list: [1, { a: null }] };
    for (const backend of [new ImmediateBackend(), new MemoryBackend(), new DummyBackend()]) {
      await withBackends({ default: backend }, async () => {
        const result = await subject.enqueue();
        if (backend.supports.getResult) {
          await drain({ backend });
          await result.refresh();
        }
        expect(result.returnValue).toStrictEqual(expected);
      });
    }
  });
});

describe("its task", () => {
  it("has the settings with which it was enqueued", async () => {
    const runAfter = new Date("2100-01-01T00:00:00Z");
    const used = echo.using({ priority: 7, queueName: "a", runAfter, metadata: { a: 1 } });
    const result = await withBackends({ default: new DummyBackend({ queues: [] }) }, () =>
      used.enqueue(),
    );
    expect(result.task).toEqual(used);
  });

  it("may be gone; the rest stays readable", async () => {
    const backend = new MemoryBackend();
    const result = new TaskResult(backend, recordOf({ taskName: "task-result.gone", args: [1] }));
    expect(() => result.task).toThrow(TaskDoesNotExist);
    expect(result).toMatchObject({
      taskName: "task-result.gone",
      status: "READY",
      args: [1],
      state: "ready",
    });
    expect(result.toJSON().taskName).toBe("task-result.gone");
    for (const taskName of [
      "constructor",
      "__proto__",
      "toString",
      "node:child_process",
      "../../etc/passwd",
    ]) {
      expect(() => new TaskResult(backend, recordOf({ taskName })).task).toThrow(TaskDoesNotExist);
    }
  });

  it("is readable when its queue was taken from the configuration", () => {
    const result = new TaskResult(
      new DummyBackend({ queues: ["other"] }),
      recordOf({ taskName: echo.name, queueName: "removed" }),
    );
    expect(result.task.queueName).toBe("removed");
  });
});

describe("arguments", () => {
  it("that the task sees are those of the result, and a change inside reaches nobody", async () => {
    const seen: unknown[] = [];
    const greedy = task({ name: "task-result.greedy" }, (value: { list: unknown[] }) => {
      seen.push(structuredClone(value));
      value.list.push("more");
    });
    for (const backend of [new ImmediateBackend(), new MemoryBackend(), new DummyBackend()]) {
      const given = { list: [new TextEncoder().encode("ü"), 1] };
      await withBackends({ default: backend }, async () => {
        const result = await greedy.enqueue(given as { list: unknown[] });
        if (backend.supports.getResult) {
          await drain({ backend });
          await result.refresh();
        }
        expect(result.status).toBe("SUCCESSFUL");
        expect(result.args).toEqual([{ list: ["ü", 1] }]);
        expect(seen.pop()).toEqual({ list: ["ü", 1] });
        expect(given.list).toHaveLength(2);
      });
    }
  });
});

describe("equals", () => {
  const backend = new DummyBackend();
  const record = recordOf();
  const result = new TaskResult(backend, record);
  it("holds when id, status and latest attempt agree, whatever the backend is", () => {
    expect(result.equals(new TaskResult(new MemoryBackend(), record))).toBe(true);
    expect(result.equals(new TaskResult(backend, { ...record, priority: 5 }))).toBe(true);
  });
  it("does not hold otherwise", () => {
    for (const changes of [
      { id: "other" },
      { status: "RUNNING" },
      { lastAttemptedAt: new Date() },
    ] as const) {
      expect(result.equals(new TaskResult(backend, { ...record, ...changes }))).toBe(false);
    }
  });
});

describe("toJSON", () => {
  it("gives plain data, with times as text", () => {
    const at = new Date("2030-01-01T00:00:00Z");
    const iso = "2030-01-01T00:00:00.000Z";
    const error = {
      exceptionClass: "Error",
      message: "no",
      traceback: "t",
      attempt: 1,
      workerId: "w",
      occurredAt: at,
    };
    const log = { level: "info", message: "hi", attempt: 1, loggedAt: at } as const;
    const record = recordOf({
      status: "SUCCESSFUL",
      enqueuedAt: at,
      startedAt: at,
      lastAttemptedAt: at,
      finishedAt: at,
      runAfter: at,
      errors: [error],
      errorsOmitted: 0,
      logs: [log],
      attempts: 1,
      workerIds: ["w"],
      returnValue: { answer: 42 },
    });
    const result = new TaskResult(new DummyBackend(), record);
    const json = result.toJSON();
    expect(json).toEqual({
      id: record.id,
      taskName: "some-task",
      status: "SUCCESSFUL",
      state: "successful",
      backend: "default",
      queueName: "default",
      priority: 0,
      args: [],
      metadata: {},
      runAfter: iso,
      enqueuedAt: iso,
      startedAt: iso,
      lastAttemptedAt: iso,
      finishedAt: iso,
      attempts: 1,
      workerIds: ["w"],
      errorsOmitted: 0,
      errors: [{ ...error, occurredAt: iso }],
      logs: [{ ...log, loggedAt: iso }],
      progress: null,
      returnValue: { answer: 42 },
      deduplicated: false,
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(json);
    expect(Object.keys(result)).not.toContain("returnValue");
  });
});

describe("refresh", () => {
  it("reloads in place and rejects when the result is gone", async () => {
    const backend = new MemoryBackend();
    const result = await withBackends({ default: backend }, () => echo.enqueue(1));
    expect(await result.refresh()).toBe(result);
    await backend.delete(result.id);
    await expect(result.refresh()).rejects.toThrow(TaskResultDoesNotExist);
    expect(result.status).toBe("READY");
  });
});

describe("wait", () => {
  it("resolves when the task is finished, whatever became of it", async () => {
    using logs = collectLogs();
    await using backend = new MemoryBackend({ worker: true });
    const failing = task({ name: "task-result.failing" }, () => {
      throw new Error("no");
    });
    await withBackends({ default: backend }, async () => {
      const [first, second] = [await echo.enqueue("x"), await failing.enqueue()];
      expect(await first.wait()).toBe(first);
      expect(first.returnValue).toBe("x");
      expect((await second.wait({ timeoutMs: 5000 })).status).toBe("FAILED");
    });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("gives up after its time, and the task goes on", async () => {
    const result = await withBackends({ default: new MemoryBackend() }, () => echo.enqueue());
    await expect(result.wait({ timeoutMs: 1 })).rejects.toThrow(new WaitTimeout(result.id, 1));
    await expect(result.wait({ timeoutMs: 0 })).rejects.toThrow(WaitTimeout);
    expect(result.status).toBe("READY");
  });

  it("gives up with the reason of a signal, before and while it waits", async () => {
    const result = await withBackends({ default: new MemoryBackend() }, () => echo.enqueue());
    const reason = new Error("gone home");
    await expect(result.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = result.wait({ signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(waiting).rejects.toBe(reason);
  });

  it("rejects when the result is deleted meanwhile", async () => {
    const backend = new MemoryBackend();
    const result = await withBackends({ default: backend }, () => echo.enqueue());
    const waiting = result.wait();
    await backend.delete(result.id);
    await expect(waiting).rejects.toThrow(TaskResultDoesNotExist);
  });

  it.each([Number.NaN, -1, "soon"])("refuses to wait for %s", async (timeoutMs) => {
    const result = await withBackends({ default: new MemoryBackend() }, () => echo.enqueue());
    await expect(result.wait({ timeoutMs: timeoutMs as number })).rejects.toThrow(
      "timeoutMs must be milliseconds from 0",
    );
  });
});

it("reads its state by the backend's clock and its handle by alias", async () => {
  const backend = new DummyBackend();
  await withBackends({ reports: backend }, async () => {
    const result = await echo.using({ backend: "reports" }).enqueue();
    expect(result.backend).toBe("reports");
  });
});
