import type { LeaseThread, WorkerSession } from "@tasks/core/worker";
import { expect, it, vi } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { LeaseKeeper } from "../../src/worker/lease-keeper.ts";
import { collectLogs } from "../support/logs.ts";

const session: WorkerSession = {
  sessionId: "session-1",
  workerId: "worker-1",
  queueNames: ["default"],
  concurrency: 1,
  leaseMs: 30,
};

class CountingStore extends MemoryStore {
  renewals = 0;
  readonly #thread: LeaseThread | undefined;
  constructor(thread?: LeaseThread) {
    super(systemClock);
    this.#thread = thread;
  }
  leaseThread(): LeaseThread | undefined {
    return this.#thread;
  }
  override async renewLease(renewed: WorkerSession): Promise<void> {
    this.renewals++;
    return super.renewLease(renewed);
  }
}

it("renews by a timer where the store has no thread, until it is stopped", async () => {
  const store = new CountingStore();
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(3));
  await keeper.stop();
  await keeper.stop();
  const { renewals } = store;
  await new Promise((resolve) => setTimeout(resolve, 2 * session.leaseMs));
  expect(store.renewals).toBe(renewals);
});

it("renews from a thread while the event loop is blocked, and closes the lease when it is stopped", async () => {
  const shared = new SharedArrayBuffer(8);
  const counts = new Int32Array(shared);
  const module = new URL("../support/counting-lease.ts", import.meta.url);
  const store = new CountingStore({ module, data: shared });
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  // Nothing of this thread runs between here and the fifth renewal.
  for (let renewals = 0; renewals < 5; renewals++) Atomics.wait(counts, 0, renewals, 10_000);
  expect(counts[0]).toBeGreaterThanOrEqual(5);
  expect(store.renewals).toBe(0);
  await keeper.stop();
  expect(counts[1]).toBe(1);
}, 20_000);

it("renews from this thread until the other one has, however long that takes to start", async () => {
  const shared = new SharedArrayBuffer(8);
  const counts = new Int32Array(shared);
  const module = new URL("../support/slow-lease.ts", import.meta.url);
  const store = new CountingStore({ module, data: shared });
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  Atomics.store(counts, 0, 1);
  Atomics.notify(counts, 0);
  await vi.waitFor(() => expect(counts[1]).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  const { renewals } = store;
  await vi.waitFor(() => expect(counts[1]).toBeGreaterThanOrEqual(10), { timeout: 10_000 });
  expect(store.renewals).toBe(renewals);
  await keeper.stop();
}, 30_000);

it.each([
  ["cannot run", new URL("../support/does-not-exist.ts", import.meta.url)],
  ["ends by itself", new URL("data:text/javascript,process.exit(0)")],
])(
  "goes on in this thread when the other %s, and says so once",
  async (_what, module) => {
    using logs = collectLogs();
    const store = new CountingStore({ module, data: null });
    const keeper = new LeaseKeeper(store, session);
    keeper.start();
    await vi.waitFor(() => expect(logs).toHaveLength(1), { timeout: 10_000 });
    expect(logs[0]).toMatchObject({
      level: "warn",
      message: "The lease thread failed; the lease is renewed from the main thread.",
    });
    const { renewals } = store;
    await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(renewals + 2));
    await keeper.stop();
  },
  20_000,
);

it("reports a renewal that fails, and tries again", async () => {
  using logs = collectLogs();
  class Failing extends CountingStore {
    override async renewLease(renewed: WorkerSession): Promise<void> {
      await super.renewLease(renewed);
      if (this.renewals === 1) throw new Error("away");
    }
  }
  const store = new Failing();
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(2));
  await keeper.stop();
  expect(logs.map(({ message }) => message)).toEqual([
    "Worker worker-1 could not renew its lease.",
  ]);
});
