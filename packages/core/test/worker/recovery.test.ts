import { setImmediate as nextTurn } from "node:timers/promises";

import { BackendUnavailable, createId, MemoryBackend, task, withBackends } from "@tasks/core";
import { createClock } from "@tasks/core/testing";
import { QueueWorker, type WorkerSession } from "@tasks/core/worker";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { collectLogs } from "../support/logs.ts";

vi.mock("../../src/internal/real-time.ts", () => import("../support/faked-time.ts"));
vi.mock("../../src/internal/monotonic-now.ts", () => import("../support/faked-time.ts"));

const LEASE_MS = 6000;

describe("recovery", () => {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("gives a vanished worker's task to a new worker, once that has watched for a lease", async () => {
    const fn = vi.fn<() => void>();
    const lost = task({ name: "recovery-new-worker" }, fn);
    await using backend = new MemoryBackend({ leaseMs: LEASE_MS });
    await withBackends({ default: backend }, async () => {
      await lost.enqueue();
      await claimAndVanish(backend, lost.name);
      // Long ago, as far as any clock can tell.
      await vi.advanceTimersByTimeAsync(60 * LEASE_MS);
      const worker = await backend.createWorker();
      const run = worker.run();
      await nextTurn();
      await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
      await nextTurn();
      expect(fn).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(2000);
      await nextTurn();
      expect(fn).toHaveBeenCalledTimes(1);
      await worker.stop();
      await run;
    });
  });

  it.each([3600, -3600])("does not heed the wall clock, which jumps by %i s", async (seconds) => {
    const fn = vi.fn<() => void>();
    const lost = task({ name: `recovery-clock-jumps-${seconds}` }, fn);
    const clock = createClock();
    await using backend = new MemoryBackend({ clock, leaseMs: LEASE_MS });
    await withBackends({ default: backend }, async () => {
      await lost.enqueue();
      await claimAndVanish(backend, lost.name);
      const worker = await backend.createWorker();
      const run = worker.run();
      await nextTurn();
      await vi.advanceTimersByTimeAsync(LEASE_MS / 2);
      clock.set(new Date(clock.now().getTime() + seconds * 1000));
      vi.setSystemTime(clock.now());
      await vi.advanceTimersByTimeAsync(LEASE_MS / 3);
      await nextTurn();
      expect(fn).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(LEASE_MS / 6 + 2000);
      await nextTurn();
      expect(fn).toHaveBeenCalledTimes(1);
      const [result] = (await backend.list({ taskName: lost.name })).results;
      expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 2 });
      await worker.stop();
      await run;
    });
  });

  it("asks a store that is away once a second", async () => {
    await using backend = new MemoryBackend({ leaseMs: LEASE_MS });
    const worker = (await backend.createWorker()) as QueueWorker;
    const away = new BackendUnavailable("The store is away.");
    const recoverLost = vi.spyOn(worker.store, "recoverLost").mockRejectedValue(away);
    const run = worker.run();
    await nextTurn();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(recoverLost.mock.calls.length).toBeGreaterThan(5);
    expect(recoverLost.mock.calls.length).toBeLessThan(12);
    await worker.stop();
    await run;
  });

  it("reports an error that is not an outage, since it would stop all recovery", async () => {
    using logs = collectLogs();
    await using backend = new MemoryBackend({ leaseMs: LEASE_MS });
    const worker = (await backend.createWorker({ workerId: "w1" })) as QueueWorker;
    vi.spyOn(worker.store, "recoverLost").mockRejectedValue(new Error("a damaged row"));
    const run = worker.run();
    await nextTurn();
    await vi.advanceTimersByTimeAsync(5000);
    const warnings = logs.filter(({ level }) => level === "warn");
    expect(warnings.map(({ message }) => message)).toEqual([
      "Worker w1 could not recover lost tasks; trying again.",
    ]);
    await worker.stop();
    await run;
  });
});

/** What is left of a worker that was killed in the middle of a task. */
async function claimAndVanish(backend: MemoryBackend, taskName: string): Promise<void> {
  const worker = await backend.createWorker();
  if (!(worker instanceof QueueWorker)) throw new Error("The backend has another kind of worker.");
  const session: WorkerSession = {
    sessionId: createId(),
    workerId: "vanished",
    queueNames: ["default"],
    concurrency: 1,
    leaseMs: LEASE_MS,
  };
  await worker.store.register(session);
  const request = { session, limit: 1, queueNames: ["default"], excludeQueues: [] };
  const claimed = await worker.store.claim({ ...request, taskNames: [taskName] });
  expect(claimed).toHaveLength(1);
}
