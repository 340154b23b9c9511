import { setImmediate as nextTurn } from "node:timers/promises";

import { createId, MemoryBackend, task, withBackends } from "@tasks/core";
import { QueueWorker, type WorkerSession } from "@tasks/core/worker";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const LEASE_MS = 100;
const LONG_LEASE_MS = 6000;
/** How often a worker looks for lost attempts. */
const LOOK_MS = 1000;

describe("recovery", () => {
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ["Date", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("gives a vanished worker's task to a new worker with its first look, since registering has shown that the store answers", async () => {
    const fn = vi.fn<() => void>();
    const lost = task({ name: "recovery-first-look" }, fn);
    await using backend = new MemoryBackend({ leaseMs: LEASE_MS });
    await withBackends({ default: backend }, async () => {
      await lost.enqueue();
      await claimAndVanish(backend, lost.name);
      await vi.advanceTimersByTimeAsync(LEASE_MS + 1);

      const worker = await backend.createWorker();
      const run = worker.run();
      await nextTurn();
      await vi.advanceTimersByTimeAsync(LOOK_MS - 1);
      await nextTurn();
      expect(fn).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      await nextTurn();
      expect(fn).toHaveBeenCalledTimes(1);
      await worker.stop();
      await run;
    });
  });

  it("goes on where every look is late, because the machine is always busy", async () => {
    const fn = vi.fn<() => void>();
    const lost = task({ name: "recovery-always-late" }, fn);
    await using backend = new MemoryBackend({ leaseMs: LEASE_MS });
    await withBackends({ default: backend }, async () => {
      await lost.enqueue();
      await claimAndVanish(backend, lost.name);
      const worker = await backend.createWorker();
      const run = worker.run();
      await nextTurn();
      const now = performance.now.bind(performance);
      let lateMs = 0;
      const late = vi.spyOn(performance, "now").mockImplementation(() => now() + lateMs);
      for (let look = 0; look < 3; look++) {
        lateMs += 3 * LOOK_MS;
        await vi.advanceTimersByTimeAsync(LOOK_MS);
      }
      late.mockRestore();
      await nextTurn();
      expect(fn).toHaveBeenCalledTimes(1);
      await worker.stop();
      await run;
    });
  });

  it("leaves everybody the time to renew when the store was away", async () => {
    const fn = vi.fn<() => void>();
    const lost = task({ name: "recovery-after-outage" }, fn);
    await using backend = new MemoryBackend({ leaseMs: LONG_LEASE_MS });
    await withBackends({ default: backend }, async () => {
      await lost.enqueue();
      await claimAndVanish(backend, lost.name);
      const worker = (await backend.createWorker()) as QueueWorker;
      const away = (["recoverLost", "checkAttempts"] as const).map((method) =>
        vi.spyOn(worker.store, method).mockImplementation(async () => {
          // Longer than a renewal may hang.
          await new Promise((resolve) => setTimeout(resolve, LONG_LEASE_MS / 2));
          throw new Error("away");
        }),
      );
      const run = worker.run();
      await nextTurn();
      await vi.advanceTimersByTimeAsync(LOOK_MS + LONG_LEASE_MS / 2);
      for (const method of away) method.mockRestore();
      // The first look after the outage, then a third of a lease and a second.
      await vi.advanceTimersByTimeAsync(LOOK_MS + LONG_LEASE_MS / 3);
      expect(fn).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(3 * LOOK_MS);
      await nextTurn();
      expect(fn).toHaveBeenCalledTimes(1);
      await worker.stop();
      await run;
    });
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
