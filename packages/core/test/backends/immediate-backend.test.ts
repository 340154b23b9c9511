import { setTimeout as wait } from "node:timers/promises";

import {
  currentTask,
  DiscardTask,
  ImmediateBackend,
  InvalidTask,
  NotSupported,
  PayloadTooLarge,
  RetryTask,
  SnoozeTask,
  task,
  withBackends,
} from "@tasks/core";
import { describe, expect, it } from "vitest";

import { collectLogs } from "../support/logs.ts";

const run = <T>(fn: () => T, backend = new ImmediateBackend()) =>
  withBackends({ default: backend }, fn);

it("runs the task inside enqueue", async () => {
  const meaning = task({ name: "immediate.meaning" }, async () => 42);
  const result = await run(() => meaning.enqueue());
  expect(result).toMatchObject({
    status: "SUCCESSFUL",
    state: "successful",
    returnValue: 42,
    isFinished: true,
    args: [],
    attempts: 1,
    errors: [],
    backend: "default",
  });
  const { enqueuedAt, startedAt, lastAttemptedAt, finishedAt } = result;
  expect(enqueuedAt <= (startedAt ?? 0)).toBe(true);
  expect(lastAttemptedAt).toEqual(startedAt);
  expect((startedAt ?? 0) <= (finishedAt ?? 0)).toBe(true);
});

it("knows nothing of options that nobody gave", () => {
  expect(new ImmediateBackend()).toMatchObject({ alias: "default", queueNames: ["default"] });
  expect(Object.isFrozen(new ImmediateBackend().supports)).toBe(true);
});

describe("a task that throws", () => {
  it("is FAILED, and enqueue resolves all the same", async () => {
    using logs = collectLogs();
    const failing = task({ name: "immediate.failing" }, () => {
      throw new RangeError("out of reach");
    });
    const result = await run(() => failing.enqueue());
    expect(result).toMatchObject({
      status: "FAILED",
      state: "failed",
      isFinished: true,
      attempts: 1,
    });
    expect(() => result.returnValue).toThrow("Task failed");
    expect(result.errors).toMatchObject([
      {
        exceptionClass: "RangeError",
        message: "out of reach",
        attempt: 1,
        workerId: result.workerIds[0],
      },
    ]);
    expect(result.errors[0]?.traceback).toMatch(/^RangeError: out of reach\n {4}at /);
    expect(logs.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("may throw anything", async () => {
    using logs = collectLogs();
    for (const [index, thrown] of [undefined, null, "text", 7, { code: 1 }].entries()) {
      const failing = task({ name: `immediate.throws-${index}` }, () => {
        // oxlint-disable-next-line typescript/only-throw-error -- that is what is tested
        throw thrown;
      });
      expect((await run(() => failing.enqueue())).status).toBe("FAILED");
    }
    expect(logs.length).toBeGreaterThan(0);
  });

  it("is tried again without waiting, up to maxAttempts", async () => {
    using logs = collectLogs();
    let attempts = 0;
    const flaky = task(
      { name: "immediate.flaky", maxAttempts: 3, backoff: { delayMs: 60_000 } },
      () => {
        attempts++;
        if (attempts < 3) throw new Error(`attempt ${attempts}`);
        return attempts;
      },
    );
    const result = await run(() => flaky.enqueue());
    expect(result).toMatchObject({ status: "SUCCESSFUL", returnValue: 3, attempts: 3 });
    expect(result.errors.map(({ message, attempt }) => [message, attempt])).toEqual([
      ["attempt 1", 1],
      ["attempt 2", 2],
    ]);
    expect(logs.filter(({ message }) => message.includes("RUNNING"))).toHaveLength(3);
  });

  it("may ask for another attempt, or for none", async () => {
    using logs = collectLogs();
    const retried = task(
      { name: "immediate.retried", maxAttempts: 2, takesContext: true },
      (context) => {
        if (context.attempt === 1) throw new RetryTask({ delayMs: 60_000 });
        return "second";
      },
    );
    const discarded = task({ name: "immediate.discarded", maxAttempts: 5 }, () => {
      throw new DiscardTask("no such user");
    });
    expect((await run(() => retried.enqueue())).returnValue).toBe("second");
    expect(await run(() => discarded.enqueue())).toMatchObject({ status: "FAILED", attempts: 1 });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("cannot snooze, and is told so", async () => {
    using logs = collectLogs();
    const sleepy = task({ name: "immediate.sleepy" }, () => {
      throw new SnoozeTask({ delayMs: 60_000 });
    });
    const result = await run(() => sleepy.enqueue());
    expect(result.errors[0]).toMatchObject({
      exceptionClass: "NotSupported",
      message: expect.stringContaining("cannot snooze"),
    });
    expect(logs.length).toBeGreaterThan(0);
  });
});

it.each([
  ["function", () => {}],
  ["Map", new Map()],
  ["bigint", 1n],
  ["NaN", Number.NaN],
])("a return value of %s fails the task with a TypeError", async (name, value) => {
  using logs = collectLogs();
  const complex = task({ name: `immediate.complex-${name}` }, (): unknown => value);
  const result = await run(() => complex.enqueue());
  expect(result.status).toBe("FAILED");
  expect(result.errors[0]).toMatchObject({
    exceptionClass: "TypeError",
    message: `Unsupported type at return value: ${name}`,
  });
  expect(logs.length).toBeGreaterThan(0);
});

it("limits the size of arguments and return values", async () => {
  using logs = collectLogs();
  const backend = new ImmediateBackend({ maxPayloadBytes: 20 });
  const long = task({ name: "immediate.long" }, (length: number, _padding?: string) =>
    "x".repeat(length),
  );
  await expect(run(() => long.enqueue(1, "y".repeat(30)), backend)).rejects.toThrow(
    PayloadTooLarge,
  );
  expect((await run(() => long.enqueue(18), backend)).status).toBe("SUCCESSFUL");
  const result = await run(() => long.enqueue(19), backend);
  expect(result.errors[0]?.exceptionClass).toBe("PayloadTooLarge");
  expect(logs.length).toBeGreaterThan(0);
});

it("ends a task that runs longer than it may", async () => {
  using logs = collectLogs();
  const slow = task({ name: "immediate.slow", timeoutMs: 10 }, async () => {
    await wait(60_000, undefined, { signal: currentTask()?.signal });
  });
  const result = await run(() => slow.enqueue());
  expect(result.errors[0]).toMatchObject({
    exceptionClass: "TaskTimeout",
    message: "The attempt ran longer than its timeoutMs of 10 ms.",
  });
  expect(logs.length).toBeGreaterThan(0);
});

it("gives the context to a task that takes it", async () => {
  const own = task(
    { name: "immediate.context", takesContext: true },
    (context) => context.taskResult.id,
  );
  const result = await run(() => own.enqueue());
  expect(result.returnValue).toBe(result.id);
});

it("keeps no results", async () => {
  const backend = new ImmediateBackend();
  const subject = task({ name: "immediate.keeps-nothing" }, () => 1);
  const error = new NotSupported("This backend does not support retrieving or refreshing results.");
  const result = await run(() => subject.enqueue(), backend);
  await expect(backend.getResult("123")).rejects.toThrow(error);
  await expect(backend.getResult(result.id)).rejects.toThrow(error);
  await expect(result.refresh()).rejects.toThrow(error);
  await expect(run(() => subject.getResult(result.id), backend)).rejects.toThrow(error);
  expect(await result.wait()).toBe(result);
});

it.each([
  "list",
  "counts",
  "queues",
  "workers",
  "prune",
  "createWorker",
  "cancel",
  "retry",
  "delete",
  "runTask",
  "pause",
  "resume",
] as const)("says that it does not support %s", async (method) => {
  const backend = new ImmediateBackend();
  const call = async () => backend[method]((method === "list" ? {} : "x") as never);
  await expect(call()).rejects.toThrow(NotSupported);
  await expect(call()).rejects.toThrow(/^ImmediateBackend does not support /);
});

it("cannot defer, and checks the queue at every enqueue", async () => {
  const subject = task({ name: "immediate.deferred" }, () => null);
  await run(async () => {
    await expect(subject.using({ runAfter: new Date() }).enqueue()).rejects.toThrow(
      new InvalidTask("Backend does not support runAfter."),
    );
    await expect(subject.using({ runAfter: { seconds: 0 } }).enqueue()).rejects.toThrow(
      InvalidTask,
    );
    await expect(subject.using({ queueName: "unknown_queue" }).enqueue()).rejects.toThrow(
      "Queue 'unknown_queue' is not valid for backend",
    );
  });
});

it("runs many in order", async () => {
  const order: number[] = [];
  const subject = task({ name: "immediate.many" }, async (index: number) => void order.push(index));
  const results = await run(() => subject.enqueueMany([[1], [2], [3]]));
  expect(order).toEqual([1, 2, 3]);
  expect(results.map(({ status }) => status)).toEqual(["SUCCESSFUL", "SUCCESSFUL", "SUCCESSFUL"]);
});

it("closes without a word, and is disposable", async () => {
  await using backend = new ImmediateBackend();
  await backend.close();
  expect(await backend.check()).toEqual([]);
});
