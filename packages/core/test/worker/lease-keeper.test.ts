import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";

import type { LeaseThread, WorkerSession } from "@tasks/core/worker";
import { expect, it, vi } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { takeAhead } from "../../src/worker/claimed-ahead.ts";
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
  readonly #leaseThread: () => LeaseThread | undefined;
  constructor(leaseThread: () => LeaseThread | undefined = () => undefined) {
    super(systemClock);
    this.#leaseThread = leaseThread;
  }
  leaseThread(): LeaseThread | undefined {
    return this.#leaseThread();
  }
  override async renewLease(renewed: WorkerSession): Promise<void> {
    this.renewals++;
    return super.renewLease(renewed);
  }
}

/** A thread that runs a module of this folder's support, or of another address. */
function threadOf(module: string, data: unknown = null): () => LeaseThread {
  const url = new URL(module, import.meta.url);
  return () => ({ start: (options) => new Worker(url, options), data });
}

it("renews by a timer where the store has no thread, until it is stopped", async () => {
  const store = new CountingStore();
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(3), { timeout: 20_000 });
  await keeper.stop();
  await keeper.stop();
  const { renewals } = store;
  await new Promise((resolve) => setTimeout(resolve, 2 * session.leaseMs));
  expect(store.renewals).toBe(renewals);
});

it("renews from a thread while the event loop is blocked, and closes the lease when it is stopped", async () => {
  const shared = new SharedArrayBuffer(8);
  const counts = new Int32Array(shared);
  const store = new CountingStore(threadOf("../support/counting-lease.ts", shared));
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  // Nothing of this thread runs between here and the fifth renewal.
  for (let renewals = 0; renewals < 5; renewals++) Atomics.wait(counts, 0, renewals, 10_000);
  expect(counts[0]).toBeGreaterThanOrEqual(5);
  expect(store.renewals).toBe(0);
  await keeper.stop();
  expect(counts[1]).toBe(1);
}, 20_000);

it("gives back from the thread what nobody took while the event loop is blocked", async () => {
  const shared = new SharedArrayBuffer(4);
  const counts = new Int32Array(shared);
  const store = new CountingStore(threadOf("../support/giving-back-lease.ts", shared));
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  const ahead = keeper.watch([
    { id: "begun", fence: 1 },
    { id: "waiting", fence: 2 },
    { id: "waiting too", fence: 3 },
  ]);
  assert.ok(ahead);
  expect(takeAhead(ahead, 0)).toBe(true);
  // Nothing of this thread runs before they are given back.
  Atomics.wait(counts, 0, 0, 10_000);
  expect(counts[0]).toBe(2);
  expect([1, 2].map((index) => takeAhead(ahead, index))).toEqual([false, false]);
  await keeper.stop();
}, 20_000);

it("watches nothing where there is no thread", () => {
  const keeper = new LeaseKeeper(new CountingStore(), session);
  expect(keeper.watch([{ id: "waiting", fence: 1 }])).toBeUndefined();
});

it("renews from this thread until the other one has, however long that takes to start", async () => {
  const shared = new SharedArrayBuffer(8);
  const counts = new Int32Array(shared);
  const store = new CountingStore(threadOf("../support/slow-lease.ts", shared));
  const keeper = new LeaseKeeper(store, session);
  keeper.start();
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  Atomics.store(counts, 0, 1);
  Atomics.notify(counts, 0);
  await vi.waitFor(() => expect(counts[1]).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  // On a busy machine either thread may be late now and then.
  let renewedAlone = 0;
  let [lastByThread, lastByTimer] = [counts[1]!, store.renewals];
  const isAlone = (): void => {
    renewedAlone = store.renewals === lastByTimer ? renewedAlone + counts[1]! - lastByThread : 0;
    [lastByThread, lastByTimer] = [counts[1]!, store.renewals];
    expect(renewedAlone).toBeGreaterThanOrEqual(5);
  };
  await vi.waitFor(isAlone, { timeout: 20_000, interval: 5 });
  await keeper.stop();
}, 30_000);

it("renews from this thread while the other one cannot, and no longer than that", async () => {
  using logs = collectLogs();
  const shared = new SharedArrayBuffer(8);
  const [isAway, renewals] = [0, 1];
  const state = new Int32Array(shared);
  const store = new CountingStore(threadOf("../support/failing-lease.ts", shared));
  const keeper = new LeaseKeeper(store, session);
  const renewedByThread = async (): Promise<void> => {
    const count = state[renewals] ?? 0;
    const more = (): void => expect(state[renewals]).toBeGreaterThan(count + 3);
    await vi.waitFor(more, { timeout: 10_000 });
  };
  keeper.start();
  await renewedByThread();
  state[isAway] = 1;
  const before = store.renewals;
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThan(before + 5), { timeout: 10_000 });
  state[isAway] = 0;
  await renewedByThread();
  await keeper.stop();
  expect(logs.map(({ level, message }) => [level, message])).toEqual([
    [
      "warn",
      "The lease thread of worker worker-1 could not renew its lease; the main thread renews it until the thread can.",
    ],
  ]);
}, 30_000);

const cannotStart = (reason: string): never => {
  throw new Error(reason);
};

it.each<readonly [string, () => LeaseThread | undefined]>([
  ["is refused by the store", () => cannotStart("There is no import.meta.url in this bundle.")],
  [
    "is refused by the platform",
    () => ({ start: () => cannotStart("Access to this API has been restricted."), data: null }),
  ],
  ["is given what cannot be cloned", threadOf("../support/counting-lease.ts", () => undefined)],
  ["is not found", threadOf("../support/does-not-exist.ts")],
  ["crashes while it loads", threadOf("data:text/javascript,throw new Error('broken module')")],
  ["ends by itself", threadOf("data:text/javascript,process.exit(0)")],
  [
    "crashes later",
    threadOf("data:text/javascript,setTimeout(() => { throw new Error('crash') }, 20)"),
  ],
])(
  "renews from this thread when the other one %s, and says so once for all workers",
  async (_what, leaseThread) => {
    using logs = collectLogs();
    const store = new CountingStore(leaseThread);
    const keepers = [new LeaseKeeper(store, session), new LeaseKeeper(store, session)];
    for (const keeper of keepers) keeper.start();
    await vi.waitFor(() => expect(logs).toHaveLength(1), { timeout: 10_000 });
    const { renewals } = store;
    await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(renewals + 4), {
      timeout: 20_000,
    });
    for (const keeper of keepers) await keeper.stop();
    expect(logs.map(({ level, message }) => [level, message])).toEqual([
      ["warn", expect.stringMatching(/^There is no lease thread; .* see docs\/bundlers\.md/)],
    ]);
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
  await vi.waitFor(() => expect(store.renewals).toBeGreaterThanOrEqual(2), { timeout: 20_000 });
  await keeper.stop();
  expect(logs.map(({ message }) => message)).toEqual([
    "Worker worker-1 could not renew its lease.",
  ]);
});
