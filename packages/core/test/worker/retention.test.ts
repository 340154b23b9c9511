import {
  createId,
  MemoryBackend,
  NotSupported,
  task,
  taskLog,
  withBackends,
  type PruneOptions,
} from "@tasks/core";
import { createClock } from "@tasks/core/testing";
import { QueueWorker } from "@tasks/core/worker";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

vi.mock("../../src/internal/real-time.ts", () => import("../support/faked-time.ts"));
vi.mock("../../src/internal/monotonic-now.ts", () => import("../support/faked-time.ts"));

const DAY_MS = 86_400_000;
taskLog.connect(() => undefined);

const note = task({ name: "retention.note" }, (label: string) => {
  if (label === "bad") throw new Error("on purpose");
  return label;
});

/** Counts looks, and lets a test hold one up or make it fail. */
class WatchedBackend extends MemoryBackend {
  looks = 0;
  meanwhile: () => Promise<void> = () => Promise.resolve();

  override async prune(options?: PruneOptions): Promise<number> {
    this.looks++;
    await this.meanwhile();
    return super.prune(options);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A backend with one good and one bad result of ten days ago, and one of each of now. */
async function setUp(): Promise<WatchedBackend> {
  const clock = createClock();
  const backend = new WatchedBackend({ clock });
  await withBackends({ default: backend }, async () => {
    for (const label of ["good", "bad"]) await note.enqueue(label);
    await (await backend.createWorker({ batch: true })).run();
    clock.advance({ days: 10 });
    for (const label of ["good", "bad"]) await note.enqueue(label);
    await (await backend.createWorker({ batch: true })).run();
  });
  return backend;
}

async function started(
  backend: MemoryBackend,
  retention: NonNullable<Parameters<MemoryBackend["createWorker"]>[0]>["retention"],
): Promise<void> {
  const worker = await backend.createWorker({ retention, workerId: `w-${createId()}` });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.stop();
    await running;
  });
}

describe("a worker with retention", () => {
  it("deletes what is old when it starts, and then once a minute", async () => {
    const backend = await setUp();
    await started(backend, { minAgeMs: 5 * DAY_MS });
    await vi.waitFor(
      async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 1, FAILED: 1 }),
      { timeout: 20_000 },
    );
    expect(backend.looks).toBe(1);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(backend.looks).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(backend.looks).toBe(2);
  });

  it("keeps failures longer when it is told to", async () => {
    const backend = await setUp();
    await started(backend, { minAgeMs: 0, failedMinAgeMs: 5 * DAY_MS });
    await vi.waitFor(
      async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 0, FAILED: 1 }),
      { timeout: 20_000 },
    );
  });

  it("keeps everything for fourteen days when it is told nothing more", async () => {
    const backend = await setUp();
    await started(backend, {});
    await vi.waitFor(() => expect(backend.looks).toBe(1), { timeout: 20_000 });
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 2, FAILED: 2 });
  });

  it("never looks twice at once", async () => {
    const backend = await setUp();
    let go = (): void => undefined;
    backend.meanwhile = () => new Promise((resolve) => (go = resolve));
    await started(backend, { everyMs: 1000 });
    await vi.waitFor(() => expect(backend.looks).toBe(1), { timeout: 20_000 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(backend.looks).toBe(1);
    go();
    backend.meanwhile = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(backend.looks).toBe(2);
  });

  it("survives a store that refuses, says so, and looks again", async () => {
    const backend = await setUp();
    const warnings: string[] = [];
    onTestFinished(
      taskLog.connect(({ level, message }) => {
        if (level === "warn") warnings.push(message);
      }),
    );
    backend.meanwhile = () => Promise.reject(new Error("permission denied"));
    await started(backend, { minAgeMs: 0, everyMs: 1000 });
    await vi.waitFor(() => expect(warnings).toHaveLength(1), { timeout: 20_000 });
    expect(warnings[0]).toContain("could not delete old results; trying again in 1000 ms.");
    backend.meanwhile = () => Promise.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 0, FAILED: 0 });
  });

  it("gets round to it even when it ends at once", async () => {
    const backend = await setUp();
    backend.meanwhile = () => new Promise((resolve) => void setTimeout(resolve, 20));
    const worker = await backend.createWorker({ batch: true, retention: { minAgeMs: 0 } });
    await worker.run();
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 0, FAILED: 0 });
  });
});

it("a worker keeps everything unless it is told otherwise", async () => {
  const backend = await setUp();
  const worker = await backend.createWorker({ batch: true });
  await worker.run();
  expect(backend.looks).toBe(0);
});

it("retention is refused where nothing can be pruned", async () => {
  const backend = await setUp();
  const unable = Object.create(backend, {
    supports: { value: { ...backend.supports, list: false } },
  }) as MemoryBackend;
  expect(() => new QueueWorker(unable, {} as never, { retention: {} })).toThrow(NotSupported);
});
