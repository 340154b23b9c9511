import {
  BackendUnavailable,
  InvalidOption,
  NotSupported,
  MemoryBackend,
  task,
  taskFinished,
  TaskLost,
  taskStarted,
  withBackends,
  WorkerStopping,
  type Backend,
  type Worker,
  type WorkerOptions,
} from "@tasks/core";
import { createClock } from "@tasks/core/testing";
import { QueueWorker, type Completion, type CompletionAnswer } from "@tasks/core/worker";
import { describe, expect, it, vi } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { collectLogs } from "../support/logs.ts";
import { requestOf } from "../support/records.ts";

let count = 0;
const named = (): string => `queue-worker.${count++}`;
it.each([-5, 0, 99, 1.5, 3_600_001, Number.NaN, "15000"])("refuses a lease of %j ms", (leaseMs) => {
  const make = () =>
    new QueueWorker(new MemoryBackend(), new MemoryStore(systemClock), { leaseMs } as never);
  expect(make).toThrow(InvalidOption);
  expect(make).toThrow("leaseMs must be a whole number between 100 and 3600000");
});

const noop = task({ name: "queue-worker.noop" }, (_value?: number) => null);
const run = <T>(backend: Backend, fn: () => T) => withBackends({ default: backend }, fn);
const batch = async (backend: Backend, options: WorkerOptions = {}): Promise<void> =>
  (await backend.createWorker({ batch: true, ...options })).run();

/** A task that waits until it is let go, or until its signal fires when it heeds it. */
function gate(heeds = true) {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  const started: number[] = [];
  const reasons: unknown[] = [];
  const subject = task({ name: named(), takesContext: true }, async ({ signal }, index: number) => {
    started.push(index);
    const aborted = new Promise<void>((resolve, reject) =>
      signal.addEventListener("abort", () => {
        reasons.push(signal.reason);
        if (heeds) reject(signal.reason as Error);
      }),
    );
    await Promise.race([promise, aborted]);
    return index;
  });
  return { subject, open: () => open(), started, reasons };
}

describe("concurrency", () => {
  it("is never exceeded, and is used up", async () => {
    const backend = new MemoryBackend();
    let running = 0;
    let most = 0;
    const subject = task({ name: named() }, async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    await run(backend, () => subject.enqueueMany(Array.from({ length: 100 }, () => [])));
    await batch(backend, { concurrency: 7 });
    expect(most).toBe(7);
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 100 });
  });

  it("lets several workers run each task exactly once", async () => {
    const backend = new MemoryBackend();
    const runs = new Map<number, number>();
    const subject = task({ name: named() }, async (index: number) => {
      runs.set(index, (runs.get(index) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
    });
    await run(backend, () =>
      subject.enqueueMany(Array.from({ length: 200 }, (_, index) => [index])),
    );
    await Promise.all(Array.from({ length: 4 }, () => batch(backend, { concurrency: 5 })));
    expect(runs.size).toBe(200);
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
  });
});

describe("batch", () => {
  it("ends when nothing is ready, and says so", async () => {
    using logs = collectLogs();
    await batch(new MemoryBackend(), { workerId: "w1" });
    expect([...logs]).toEqual([
      { level: "info", message: "No more tasks to run for worker_id=w1 - exiting gracefully." },
    ]);
  });

  it("runs what its tasks enqueue and what is retried at once, and leaves what is due later", async () => {
    const backend = new MemoryBackend();
    let attempts = 0;
    const flaky = task({ name: named(), maxAttempts: 3, backoff: { delayMs: 0 } }, () => {
      if (++attempts < 3) throw new Error("again");
    });
    const parent = task({ name: named() }, async (): Promise<void> => {
      await flaky.enqueue();
    });
    await run(backend, async () => {
      await parent.enqueue();
      await noop.using({ runAfter: { hours: 1 } }).enqueue();
      await batch(backend);
    });
    expect(attempts).toBe(3);
    expect(await backend.counts()).toEqual({ READY: 1, RUNNING: 0, SUCCESSFUL: 2, FAILED: 0 });
  });
});

describe("maxTasks", () => {
  it("ends after that many attempts, and claims no more", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    await run(backend, () => noop.enqueueMany(Array.from({ length: 50 }, (_, index) => [index])));
    await (await backend.createWorker({ maxTasks: 20, concurrency: 3, workerId: "w1" })).run();
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 20, READY: 30, RUNNING: 0 });
    expect(logs.map(({ message }) => message)).toContain(
      "Run maximum tasks (20) on worker=w1 - exiting gracefully.",
    );
  });
});

describe("queues", () => {
  it("are served as asked", async () => {
    const backend = new MemoryBackend({ queues: [] });
    await run(backend, async () => {
      for (const queueName of ["a", "b", "c"]) await noop.using({ queueName }).enqueue();
      await batch(backend, { queueNames: ["a", "unknown"] });
      expect(
        (await backend.list({ status: "READY" })).results.map(({ queueName }) => queueName),
      ).toEqual(["c", "b"]);
      await batch(backend, { queueNames: ["*"], excludeQueues: ["b", "unknown"] });
      expect(
        (await backend.list({ status: "READY" })).results.map(({ queueName }) => queueName),
      ).toEqual(["b"]);
    });
  });
});

describe("stopping", () => {
  it("lets running attempts finish, and claims nothing more", async () => {
    const backend = new MemoryBackend();
    const { subject, open, started: begun } = gate();
    await run(backend, () => subject.enqueueMany([[1], [2], [3]]));
    const worker = await backend.createWorker({ concurrency: 2 });
    const ended = worker.run();
    await vi.waitFor(() => expect(begun).toEqual([1, 2]), { timeout: 20_000 });
    const stopped = worker.stop();
    open();
    await Promise.all([stopped, ended, worker.stop()]);
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 2, READY: 1 });
    expect(await backend.workers()).toEqual([]);
  });

  it.each([
    ["heeds", true],
    ["ignores", false],
  ])(
    "at the deadline releases a task that %s its signal, and burns no attempt",
    async (_how, heeds) => {
      const backend = new MemoryBackend();
      const { subject, open, started: begun, reasons } = gate(heeds);
      const result = await run(backend, () => subject.enqueue(1));
      const worker = await backend.createWorker({ shutdownTimeoutMs: 10 });
      const ended = worker.run();
      await vi.waitFor(() => expect(begun).toEqual([1]), { timeout: 20_000 });
      await worker.stop();
      await ended;
      expect(reasons).toEqual([expect.any(WorkerStopping)]);
      await result.refresh();
      expect(result).toMatchObject({ status: "READY", attempts: 0, errors: [], startedAt: null });
      // Another worker runs it; what the stubborn one returns in the end counts for nothing.
      open();
      await batch(backend);
      await result.refresh();
      expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
    },
  );

  it("is possible before it began and after it ended", async () => {
    const backend = new MemoryBackend();
    const early = await backend.createWorker();
    await early.stop();
    await early.run();
    const late = await backend.createWorker({ batch: true });
    await late.run();
    await late.stop();
    await expect(late.run()).rejects.toMatchObject({ code: "TASKS_WORKER_USED" });
  });

  it("happens at the end of a scope", async () => {
    const backend = new MemoryBackend();
    let ended: Promise<void>;
    {
      await using worker = await backend.createWorker();
      ended = worker.run();
    }
    await ended;
    expect(await backend.workers()).toEqual([]);
  });
});

describe("unknown tasks", () => {
  it("are left alone and warned about once", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    const { record } = await backend.enqueue(
      requestOf({ taskName: "queue-worker.not-registered" }),
    );
    const worker = await backend.createWorker({ workerId: "w1", intervalMs: 5 });
    const ended = worker.run();
    const warnings = () =>
      logs.filter(({ level }) => level === "warn").map(({ message }) => message);
    await vi.waitFor(() => expect(warnings()).toHaveLength(1), { timeout: 20_000 });
    const result = await run(backend, () => noop.enqueue());
    await result.wait({ timeoutMs: 5000 });
    await worker.stop();
    await ended;
    expect(warnings()).toEqual([
      "Worker w1 leaves tasks alone that are not registered here: queue-worker.not-registered. " +
        "Import the modules that define them before the worker starts.",
    ]);
    expect((await backend.getResult(record.id)).status).toBe("READY");
  });
});

describe("receivers that throw", () => {
  it("harm neither the task nor the worker", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    const disconnects = [taskStarted, taskFinished].map((signal) =>
      signal.connect(({ sender }) => {
        if (sender === backend) throw new Error("receiver is broken");
      }),
    );
    await run(backend, () => noop.enqueueMany([[1], [2], [3]]));
    await batch(backend);
    for (const disconnect of disconnects) disconnect();
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 3 });
    expect(
      logs.filter(({ message }) => message === "A receiver of taskFinished failed."),
    ).toHaveLength(3);
  });
});

describe("cancelling", () => {
  it("reaches a running task through its signal", async () => {
    using logs = collectLogs();
    await using backend = new MemoryBackend({ worker: true });
    const { subject, started: begun } = gate();
    await run(backend, async () => {
      const result = await subject.enqueue(1);
      await vi.waitFor(() => expect(begun).toEqual([1]), { timeout: 20_000 });
      expect(await result.cancel()).toBe(true);
      await result.wait({ timeoutMs: 5000 });
      expect(result).toMatchObject({ status: "FAILED", state: "cancelled" });
    });
    expect(logs.length).toBeGreaterThan(0);
  });
});

/** Its sessions are what a lease is worth: whoever is not among them is dead. */
function storeOf(worker: Worker): MemoryStore {
  return (worker as QueueWorker).store as MemoryStore;
}

describe("a lost lease", () => {
  it("gives the task to another worker, tells the first one, and lets only one record", async () => {
    using logs = collectLogs();
    // A lease that nothing renews while the test runs: its third is longer than that.
    const backend = new MemoryBackend({ leaseMs: 60_000 });
    const { subject, open, started: begun, reasons } = gate(false);
    const result = await run(backend, () => subject.enqueue(1));
    const first = await backend.createWorker({ workerId: "first", concurrency: 1 });
    const firstEnded = first.run();
    await vi.waitFor(() => expect(begun).toEqual([1]), { timeout: 20_000 });
    storeOf(first).sessions.clear();
    const second = await backend.createWorker({ workerId: "second" });
    const secondEnded = second.run();
    await vi.waitFor(() => expect(begun).toEqual([1, 1]), { timeout: 4000 });
    await vi.waitFor(() => expect(reasons).toEqual([expect.any(TaskLost)]), { timeout: 4000 });
    open();
    await result.wait({ timeoutMs: 4000 });
    await Promise.all([first.stop(), second.stop(), firstEnded, secondEnded]);
    await result.refresh();
    expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 2, errors: [] });
    expect(result.workerIds.toSorted()).toEqual(["first", "second"]);
    expect(logs.filter(({ message }) => message.includes("was lost by worker"))).toHaveLength(1);
  }, 15_000);
});

it.each([
  { first: "older", order: [0, 1] },
  { first: "newer", order: [1, 0] },
])(
  "that claims again what it lost lets the newer attempt record, the $first one ending first",
  async ({ order }) => {
    using logs = collectLogs();
    const backend = new MemoryBackend({ leaseMs: 60_000 });
    const ends: ((value: string) => void)[] = [];
    const reasons: unknown[][] = [];
    const subject = task({ name: named(), takesContext: true }, ({ signal }) => {
      const seen: unknown[] = [];
      reasons.push(seen);
      signal.addEventListener("abort", () => seen.push(signal.reason));
      return new Promise<string>((resolve) => ends.push(resolve));
    });
    const result = await run(backend, () => subject.enqueue());
    const worker = await backend.createWorker({ concurrency: 2 });
    const ended = worker.run();
    await vi.waitFor(() => expect(ends).toHaveLength(1), { timeout: 20_000 });
    // Another worker notices.
    storeOf(worker).sessions.clear();
    await storeOf(worker).recoverLost();
    await vi.waitFor(() => expect(ends).toHaveLength(2), { timeout: 4000 });
    await vi.waitFor(() => expect(reasons).toEqual([[expect.any(TaskLost)], []]), {
      timeout: 20_000,
    });
    for (const index of order) {
      ends[index]!(["older", "newer"][index]!);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await result.wait({ timeoutMs: 2000 });
    expect(result).toMatchObject({ status: "SUCCESSFUL", returnValue: "newer", attempts: 2 });
    await worker.stop();
    await ended;
    expect(logs.filter(({ message }) => message.includes("was lost by worker"))).toHaveLength(1);
  },
  15_000,
);

it("that lost its lease in a stall goes on under a new one", async () => {
  using logs = collectLogs();
  const clock = createClock();
  const backend = new MemoryBackend({ clock, leaseMs: 60_000 });
  const worker = await backend.createWorker();
  const ended = worker.run();
  await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), {
    timeout: 20_000,
  });
  clock.advance({ seconds: 61 });
  // Everybody's attempts are looked for once a second; what follows must not be taken for lost.
  const { subject, open, started: begun } = gate();
  const result = await run(backend, () => subject.enqueue(1));
  await vi.waitFor(() => expect(begun).toEqual([1]), { timeout: 20_000 });
  expect(await backend.workers()).toMatchObject([{ alive: true, running: 1 }]);
  open();
  await result.wait({ timeoutMs: 4000 });
  await worker.stop();
  await ended;
  expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
  expect(logs.filter(({ level }) => level === "warn")).toEqual([]);
});

describe("a store that fails", () => {
  class FlakyStore extends MemoryStore {
    failures: Partial<Record<"register" | "claim" | "complete", Error[]>> = {};
    override async register(session: Parameters<MemoryStore["register"]>[0]): Promise<void> {
      this.#fail("register");
      return super.register(session);
    }
    override async claim(
      request: Parameters<MemoryStore["claim"]>[0],
    ): ReturnType<MemoryStore["claim"]> {
      this.#fail("claim");
      return super.claim(request);
    }
    override async complete(
      completions: readonly Completion[],
    ): Promise<readonly CompletionAnswer[]> {
      this.#fail("complete");
      return super.complete(completions);
    }
    #fail(step: "register" | "claim" | "complete"): void {
      const error = this.failures[step]?.shift();
      if (error !== undefined) throw error;
    }
  }

  it("because it lacks something ends the worker, with what it lacks", async () => {
    const store = new FlakyStore(systemClock);
    const lacks = new NotSupported("It needs a package: npm install it.");
    store.failures = { register: [lacks] };
    const worker = new QueueWorker(new MemoryBackend(), store, { workerId: "w1" });
    await expect(worker.run()).rejects.toBe(lacks);
    await worker.stop();
  });

  it("is waited for: nothing is lost and nothing is run twice", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    const store = new FlakyStore(systemClock);
    const away = () => [
      new BackendUnavailable("The database is away."),
      new BackendUnavailable("Still away."),
    ];
    store.failures = { register: away(), claim: away(), complete: away() };
    let runs = 0;
    const subject = task({ name: named() }, () => void runs++);
    const { record } = store.enqueue(requestOf({ taskName: subject.name }));
    await new QueueWorker(backend, store, { batch: true, workerId: "w1" }).run();
    expect(runs).toBe(1);
    expect(store.entries.get(record.id)?.record.status).toBe("SUCCESSFUL");
    const warnings = logs.filter(({ level }) => level === "warn").map(({ message }) => message);
    expect(warnings).toEqual([
      "Worker w1 could not register; trying again.",
      "Worker w1 could not claim tasks; trying again.",
      "Worker w1 could not store completions; trying again.",
    ]);
  });

  it("by refusing one outcome costs that one only", async () => {
    using logs = collectLogs();
    const backend = new MemoryBackend();
    class Picky extends MemoryStore {
      override async complete(
        completions: readonly Completion[],
      ): Promise<readonly CompletionAnswer[]> {
        const isRefused = completions.some(
          ({ outcome }) => outcome.type === "successful" && outcome.returnValue === "poison",
        );
        if (isRefused) throw new Error("value cannot be stored");
        return super.complete(completions);
      }
    }
    const store = new Picky(systemClock);
    const subject = task({ name: named() }, (value: string) => value);
    const records = ["fine", "poison", "good"].map(
      (value) => store.enqueue(requestOf({ taskName: subject.name, args: [value] })).record,
    );
    await new QueueWorker(backend, store, { batch: true }).run();
    const ended = records.map(({ id }) => store.entries.get(id)?.record);
    expect(ended.map((record) => record?.status)).toEqual(["SUCCESSFUL", "FAILED", "SUCCESSFUL"]);
    expect(ended[1]?.errors.at(-1)?.message).toBe("value cannot be stored");
    expect(logs.some(({ message }) => message.endsWith("cannot be stored."))).toBe(true);
  });
});
