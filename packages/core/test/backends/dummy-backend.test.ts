import {
  DummyBackend,
  InvalidTask,
  NotSupported,
  task,
  TaskResultDoesNotExist,
  withBackends,
} from "@tasks/core";
import { createClock } from "@tasks/core/testing";
import { describe, expect, it } from "vitest";

import { collectLogs } from "../support/logs.ts";

const subject = task({ name: "dummy.subject" }, (value?: unknown) => value);
const run = <T>(backend: DummyBackend, fn: () => T) => withBackends({ default: backend }, fn);

it("stores what is enqueued and never runs it", async () => {
  const backend = new DummyBackend();
  const result = await run(backend, () => subject.enqueue({ two: 3 }));
  expect(result).toMatchObject({
    status: "READY",
    state: "ready",
    isFinished: false,
    startedAt: null,
    lastAttemptedAt: null,
    finishedAt: null,
    args: [{ two: 3 }],
    attempts: 0,
    errors: [],
    workerIds: [],
    logs: [],
    progress: null,
    deduplicated: false,
  });
  expect(() => result.returnValue).toThrow("Task has not finished yet");
  expect(backend.results.map(({ id }) => id)).toEqual([result.id]);
});

it("gives results back, equal to the enqueued ones", async () => {
  const backend = new DummyBackend();
  const result = await run(backend, () => subject.enqueue(1));
  const found = await backend.getResult(result.id);
  expect(found).not.toBe(result);
  expect(found.equals(result)).toBe(true);
  expect(found.toJSON()).toEqual(result.toJSON());
});

it("gives snapshots, which change by refresh only", async () => {
  const backend = new DummyBackend();
  await run(backend, async () => {
    const result = await subject.enqueue("done");
    await backend.runReady(1);
    expect(result.status).toBe("READY");
    await result.refresh();
    expect(result).toMatchObject({ status: "SUCCESSFUL", returnValue: "done", attempts: 1 });
  });
});

it("is not changed by what is done to a result", async () => {
  const backend = new DummyBackend();
  await run(backend, async () => {
    const result = await subject.using({ metadata: { deep: { a: 1 } } }).enqueue({ list: [1] });
    for (const snapshot of [result, await backend.getResult(result.id), backend.results[0]]) {
      Object.assign(snapshot?.args[0] as object, { list: "changed" });
      Object.assign(snapshot?.metadata["deep"] as object, { a: "changed" });
      snapshot?.enqueuedAt.setFullYear(1999);
    }
    const fresh = await backend.getResult(result.id);
    expect(fresh).toMatchObject({ args: [{ list: [1] }], metadata: { deep: { a: 1 } } });
  });
});

it("forgets everything when it is cleared", async () => {
  const backend = new DummyBackend();
  const { id } = await run(backend, () => subject.enqueue());
  backend.clear();
  expect(backend.results).toEqual([]);
  await expect(backend.getResult(id)).rejects.toThrow(TaskResultDoesNotExist);
  await expect(backend.getResult(id)).rejects.toThrow(id);
  await expect(backend.getResult("123")).rejects.toThrow("Task result '123' does not exist.");
});

it("takes whatever a backend may be able to take", async () => {
  const backend = new DummyBackend();
  const contextual = task(
    { name: "dummy.context", takesContext: true, maxAttempts: 3 },
    async (_context) => null,
  );
  const runAfter = new Date("2100-01-01T00:00:00Z");
  await run(backend, () =>
    contextual.using({ priority: 10, runAfter, metadata: { a: 1 } }).enqueue(),
  );
  expect(backend.results[0]).toMatchObject({
    state: "scheduled",
    priority: 10,
    runAfter,
    metadata: { a: 1 },
  });
});

it("counts a relative time from the enqueue, by its own clock", async () => {
  const clock = createClock(new Date("2030-01-01T00:00:00Z"));
  const backend = new DummyBackend({ clock });
  const deferred = subject.using({ runAfter: { minutes: 10 } });
  clock.advance({ hours: 1 });
  const result = await run(backend, () => deferred.enqueue());
  expect(result.runAfter).toEqual(new Date("2030-01-01T01:10:00Z"));
  expect(result.enqueuedAt).toEqual(new Date("2030-01-01T01:00:00Z"));
  expect(result.state).toBe("scheduled");
  clock.advance({ minutes: 10 });
  expect(result.state).toBe("ready");
});

it("logs one line per enqueue", async () => {
  using logs = collectLogs();
  const backend = new DummyBackend();
  const { id } = await run(backend, () => subject.enqueue());
  expect(logs.filter(({ taskId }) => taskId === id)).toEqual([
    {
      level: "debug",
      message: `Task id=${id} path=dummy.subject enqueued backend=default`,
      taskId: id,
    },
  ]);
});

it("finds nothing to check", async () => {
  expect(await new DummyBackend().check()).toEqual([]);
});

describe("abilities", () => {
  it("can be taken away, to see how code takes that", async () => {
    const backend = new DummyBackend({ supports: { asyncTask: false, getResult: false } });
    const async = task({ name: "dummy.async" }, async () => null);
    await run(backend, async () => {
      await expect(async.enqueue()).rejects.toThrow(
        new InvalidTask("Backend does not support async Tasks."),
      );
      const result = await subject.enqueue();
      await expect(result.refresh()).rejects.toThrow(NotSupported);
    });
    expect(backend.results).toHaveLength(1);
  });

  it("are frozen", () => {
    expect(Object.isFrozen(new DummyBackend({ supports: { defer: false } }).supports)).toBe(true);
  });

  it("do not include waiting and workers", async () => {
    const backend = new DummyBackend();
    const result = await run(backend, () => subject.enqueue());
    await expect(result.wait()).rejects.toThrow(
      new NotSupported("This backend does not support waiting for results."),
    );
    await expect(backend.createWorker()).rejects.toThrow("DummyBackend does not support workers.");
  });
});
