import {
  createId,
  InvalidOption,
  InvalidTask,
  MemoryBackend,
  task,
  TaskDoesNotExist,
  TaskResultDoesNotExist,
  taskFinished,
  withBackends,
  type Task,
} from "@tasks/core";
import { createClock, drain } from "@tasks/core/testing";
import type { ClaimRequest, QueueWorker } from "@tasks/core/worker";
import { describe, expect, it, vi } from "vitest";

import { collectLogs } from "../support/logs.ts";
import { requestOf } from "../support/records.ts";

const order: string[] = [];
const note = task({ name: "memory.note" }, (text: string) => void order.push(text));
const failing = task({ name: "memory.failing" }, () => {
  throw new Error("no");
});
const other = task({ name: "memory.other" }, () => {});
const run = <T>(backend: MemoryBackend, fn: () => T) => withBackends({ default: backend }, fn);

describe("order", () => {
  it("is priority, then due time, then enqueue order, and a due deferred task does not jump the queue", async () => {
    order.length = 0;
    const clock = createClock();
    const backend = new MemoryBackend({ clock });
    await run(backend, async () => {
      await note.using({ runAfter: { seconds: 10 } }).enqueue("due at 10");
      clock.advance({ seconds: 1 });
      await note.enqueue("enqueued at 1");
      await note.enqueue("enqueued at 1, too");
      await note.using({ priority: -1 }).enqueue("low");
      await note.using({ priority: 5 }).enqueue("high");
      clock.advance({ seconds: 11 });
      await note.enqueue("enqueued at 12");
      await drain();
    });
    expect(order).toEqual([
      "high",
      "enqueued at 1",
      "enqueued at 1, too",
      "due at 10",
      "enqueued at 12",
      "low",
    ]);
  });

  it("leaves what is due later alone until its time, to the millisecond", async () => {
    order.length = 0;
    const clock = createClock();
    const backend = new MemoryBackend({ clock });
    await run(backend, async () => {
      const result = await note.using({ runAfter: { hours: 10 } }).enqueue("later");
      expect(result.state).toBe("scheduled");
      clock.advance({ hours: 10, milliseconds: -1 });
      expect(await drain()).toBe(0);
      clock.advance({ milliseconds: 1 });
      expect(await drain()).toBe(1);
    });
    expect(order).toEqual(["later"]);
  });
});

describe("its own worker", () => {
  it("starts with the first enqueue and serves every queue", async () => {
    await using backend = new MemoryBackend({ worker: true, queues: ["a", "b"] });
    await run(backend, async () => {
      const results = await Promise.all(
        ["a", "b"].map((queueName) => note.using({ queueName }).enqueue(queueName)),
      );
      for (const result of results)
        expect((await result.wait({ timeoutMs: 5000 })).status).toBe("SUCCESSFUL");
    });
    expect(await backend.workers()).toHaveLength(1);
  });

  it("stops when the backend is closed, and does not come back", async () => {
    const backend = new MemoryBackend({ worker: { concurrency: 2 } });
    await run(backend, async () => {
      await (await note.enqueue("x")).wait({ timeoutMs: 5000 });
      await backend.close();
      await backend.close();
      const result = await note.enqueue("y");
      expect(await backend.workers()).toEqual([]);
      expect(result.status).toBe("READY");
    });
  });
});

describe("cancel", () => {
  it("fails a waiting task at once, and announces that", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    const finished: string[] = [];
    const disconnect = taskFinished.connect(({ sender, taskResult }) => {
      if (sender === backend) finished.push(taskResult.state);
    });
    await run(backend, async () => {
      const result = await note.enqueue("never");
      expect(await result.cancel()).toBe(true);
      expect(result.status).toBe("READY");
      await result.refresh();
      expect(result).toMatchObject({ status: "FAILED", state: "cancelled" });
      expect(await result.cancel()).toBe(false);
      expect(await drain()).toBe(0);
    });
    disconnect();
    expect(finished).toEqual(["cancelled"]);
    expect(logs.length).toBeGreaterThan(0);
    await expect(backend.cancel("123")).rejects.toThrow(TaskResultDoesNotExist);
  });
});

describe("runTask", () => {
  it("runs one result here and now, due or not", async () => {
    const backend = new MemoryBackend();
    const later = note.using({ runAfter: { days: 1 } });
    const { id } = await run(backend, () => later.enqueue("by hand"));
    expect(await backend.runTask(id)).toMatchObject({ id, status: "SUCCESSFUL", attempts: 1 });
    await expect(backend.runTask(id)).rejects.toThrow(
      new InvalidTask(
        `Task result '${id}' is SUCCESSFUL; only READY results can be run. Retry a FAILED one first.`,
      ),
    );
    expect(await backend.workers()).toEqual([]);
  });

  it("resolves with the failed result of a task that throws", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    const { id } = await run(backend, () => failing.enqueue());
    expect((await backend.runTask(id)).status).toBe("FAILED");
    expect(logs.length).toBeGreaterThan(0);
  });

  it("refuses what does not exist, and tasks that are not registered here", async () => {
    const backend = new MemoryBackend();
    await expect(backend.runTask("123")).rejects.toThrow(TaskResultDoesNotExist);
    const { record } = await backend.enqueue(requestOf({ taskName: "memory.not-registered" }));
    await expect(backend.runTask(record.id)).rejects.toThrow(TaskDoesNotExist);
    expect((await backend.getResult(record.id)).status).toBe("READY");
  });
});

describe("the monitor", () => {
  it("lists results, newest first, page by page", async () => {
    const backend = new MemoryBackend({ queues: [] });
    await run(backend, () => note.enqueueMany(["1", "2", "3", "4", "5"].map((text) => [text])));
    const first = await backend.list({ limit: 2 });
    expect(first.results.map(({ args }) => args[0])).toEqual(["5", "4"]);
    const second = await backend.list({ limit: 2, cursor: first.nextCursor ?? "" });
    expect(second.results.map(({ args }) => args[0])).toEqual(["3", "2"]);
    const third = await backend.list({ limit: 2, cursor: second.nextCursor ?? "" });
    expect(third).toMatchObject({ results: [{ args: ["1"] }], nextCursor: null });
  });

  it.each([0, 1001, 1.5, -1, 1e9, Number.NaN])("refuses pages of %d", async (limit) => {
    await expect(new MemoryBackend().list({ limit })).rejects.toThrow(
      `limit must be a whole number between 1 and 1000, not ${limit}.`,
    );
  });

  it("filters by status, state, queue and task, and counts", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend({ queues: [] });
    await run(backend, async () => {
      await note.enqueue("done");
      await failing.enqueue();
      await drain();
      await note.using({ queueName: "other" }).enqueue("waiting");
      await note.using({ runAfter: { days: 1 } }).enqueue("later");
    });
    const names = async (options: object) =>
      (await backend.list(options)).results.map(({ taskName, args }) => args[0] ?? taskName);
    expect(await names({ status: "FAILED" })).toEqual(["memory.failing"]);
    expect(await names({ state: "scheduled" })).toEqual(["later"]);
    expect(await names({ queueName: "other" })).toEqual(["waiting"]);
    expect(await names({ taskName: "memory.note", status: "READY" })).toEqual(["later", "waiting"]);
    expect(await backend.counts()).toEqual({ READY: 2, RUNNING: 0, SUCCESSFUL: 1, FAILED: 1 });
    expect(await backend.counts({ queueName: "other" })).toEqual({
      READY: 1,
      RUNNING: 0,
      SUCCESSFUL: 0,
      FAILED: 0,
    });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("refuses options that counts() does not know", async () => {
    const counting = new MemoryBackend().counts({ queue: "emails" } as never);
    await expect(counting).rejects.toThrow(
      new InvalidOption('counts() does not know the option "queue". It takes: queueName.'),
    );
  });

  it("describes the queues, declared ones included", async () => {
    const clock = createClock();
    const backend = new MemoryBackend({ clock, queues: ["default", "idle"] });
    await run(backend, async () => {
      await note.enqueue("1");
      await note.using({ runAfter: { days: 1 } }).enqueue("2");
      clock.advance({ seconds: 3 });
    });
    expect(await backend.queues()).toEqual([
      { name: "default", ready: 1, scheduled: 1, running: 0, paused: false, oldestReadyMs: 3000 },
      { name: "idle", ready: 0, scheduled: 0, running: 0, paused: false, oldestReadyMs: null },
    ]);
  });

  it("retries a failed result by hand, and nothing else", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    let isUp = false;
    const flaky = task({ name: "memory.flaky" }, () => {
      if (!isUp) throw new Error("down");
      return "up";
    });
    await run(backend, async () => {
      const result = await flaky.enqueue();
      expect(await backend.retry(result.id)).toBe(false);
      await drain();
      isUp = true;
      expect(await backend.retry(result.id)).toBe(true);
      await drain();
      await result.refresh();
      expect(result).toMatchObject({ status: "SUCCESSFUL", returnValue: "up", attempts: 2 });
      expect(result.errors).toHaveLength(1);
      expect(await backend.retry(result.id)).toBe(false);
    });
    expect(logs.length).toBeGreaterThan(0);
    await expect(backend.retry("123")).rejects.toThrow(TaskResultDoesNotExist);
  });

  it("deletes results", async () => {
    const backend = new MemoryBackend();
    const { id } = await run(backend, () => note.enqueue("x"));
    expect(await backend.delete(id)).toBe(true);
    await expect(backend.delete(id)).rejects.toThrow(TaskResultDoesNotExist);
    expect(await run(backend, () => drain())).toBe(0);
  });

  it("prunes finished results by age, never waiting ones", async () => {
    using logs = collectLogs();
    const clock = createClock();
    const backend = new MemoryBackend({ clock, queues: [] });
    await run(backend, async () => {
      await note.enqueue("old");
      await failing.enqueue();
      await note.using({ queueName: "other" }).enqueue("elsewhere");
      await drain();
      clock.advance({ days: 3 });
      await note.enqueue("waiting");
    });
    const day = 86_400_000;
    expect(await backend.prune()).toBe(0);
    expect(await backend.prune({ minAgeMs: 2 * day, dryRun: true })).toBe(3);
    expect(await backend.prune({ minAgeMs: 2 * day, queueNames: ["other"] })).toBe(1);
    const progress: [number, number][] = [];
    const onProgress = (deleted: number, total: number) => void progress.push([deleted, total]);
    expect(await backend.prune({ minAgeMs: 2 * day, failedMinAgeMs: 5 * day, onProgress })).toBe(1);
    expect(progress).toEqual([[1, 1]]);
    expect(await backend.prune({ minAgeMs: 0 })).toBe(1);
    expect(await backend.counts()).toMatchObject({ READY: 1, SUCCESSFUL: 0, FAILED: 0 });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("refuses to pause a queue it does not have", async () => {
    const backend = new MemoryBackend({ queues: ["emails", "reports"] });
    await expect(backend.pause("emial")).rejects.toThrow(
      new InvalidOption("The backend has no queue 'emial'. It takes: emails, reports."),
    );
  });
});

describe("unique keys", () => {
  const enqueueTwice = async (
    backend: MemoryBackend,
    subject: Task<[], null>,
    between: () => Promise<unknown>,
  ) =>
    run(backend, async () => {
      await subject.enqueue();
      await between();
      return (await subject.enqueue()).deduplicated;
    });

  it("are free when the result is finished", async () => {
    const subject = task(
      { name: "memory.until-finished", unique: { scope: "until-finished" } },
      () => null,
    );
    expect(await enqueueTwice(new MemoryBackend(), subject, async () => {})).toBe(true);
    expect(await enqueueTwice(new MemoryBackend(), subject, () => drain())).toBe(false);
  });

  it("are free after their window", async () => {
    const clock = createClock();
    const backend = new MemoryBackend({ clock });
    const subject = task(
      { name: "memory.window", unique: { scope: { windowMs: 1000 } } },
      () => null,
    );
    expect(await enqueueTwice(backend, subject, () => drain())).toBe(true);
    clock.advance({ seconds: 1 });
    expect((await run(backend, () => subject.enqueue())).deduplicated).toBe(false);
  });

  it("are free when the result is deleted or cancelled", async () => {
    using logs = collectLogs();
    const subject = task(
      { name: "memory.until-started", unique: { scope: "until-started" } },
      () => null,
    );
    const backend = new MemoryBackend();
    await run(backend, async () => {
      await backend.delete((await subject.enqueue()).id);
      const second = await subject.enqueue();
      expect(second.deduplicated).toBe(false);
      await second.cancel();
      expect((await subject.enqueue()).deduplicated).toBe(false);
    });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("are free when the attempt starts, with that scope", async () => {
    const inside: boolean[] = [];
    const subject: Task<[], null> = task(
      { name: "memory.restarting", unique: { scope: "until-started" } },
      async (): Promise<void> => {
        if (inside.length > 0) return;
        inside.push(true);
        inside.push((await subject.enqueue()).deduplicated);
      },
    );
    await run(new MemoryBackend(), async () => {
      await subject.enqueue();
      await drain();
    });
    expect(inside).toEqual([true, false]);
  });
});

it("wakes an idle worker when a test clock is moved", async () => {
  order.length = 0;
  const clock = createClock();
  await using backend = new MemoryBackend({ clock, worker: true });
  await run(backend, async () => {
    await note.using({ runAfter: { days: 1 } }).enqueue("tomorrow");
    await note.enqueue("now");
    await vi.waitFor(() => expect(order).toEqual(["now"]), { timeout: 20_000 });
    clock.advance({ days: 1 });
    await vi.waitFor(() => expect(order).toEqual(["now", "tomorrow"]), { timeout: 20_000 });
  });
});

describe("claims", () => {
  it("take as long with many unknown tasks in front as without, and keep the order of the known ones", async () => {
    await using backend = new MemoryBackend();
    await run(backend, async () => {
      await other.enqueueMany(Array.from({ length: 20_000 }, () => []));
      for (let i = 0; i < 100; i++) await (i % 3 === 0 ? failing.enqueue() : note.enqueue("known"));
    });
    const { store } = (await backend.createWorker()) as QueueWorker;
    const request: ClaimRequest = {
      session: {
        sessionId: createId(),
        workerId: "w",
        queueNames: ["default"],
        concurrency: 1,
        leaseMs: 30_000,
      },
      limit: 1,
      queueNames: ["default"],
      excludeQueues: [],
      taskNames: [note.name, failing.name],
    };
    const claimed: string[] = [];
    const startMs = performance.now();
    for (let i = 0; i < 100; i++) {
      claimed.push(...(await store.claim(request)).map(({ taskName }) => taskName));
    }
    // A hundred claims take a few milliseconds; passing over 20,000 tasks each time takes most of a
    // second.
    expect(performance.now() - startMs).toBeLessThan(250);
    const expected = Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? failing : note).name);
    expect(claimed).toEqual(expected);
  });
});
