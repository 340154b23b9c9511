import { setImmediate as nextTurn } from "node:timers/promises";

import { createId, MemoryBackend, task, withBackends } from "@tasks/core";
import { QueueWorker, type WorkerSession } from "@tasks/core/worker";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const LEASE_MS = 100;
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
