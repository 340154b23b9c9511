import { createId, task, taskLog } from "@tasks/core";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import { openBackend } from "./support/open.ts";
import { redisUrl } from "./support/redis.ts";

taskLog.connect(() => undefined);
const UNAVAILABLE = { code: "TASKS_BACKEND_UNAVAILABLE" };
/** How soon work goes on when the network is back, in milliseconds. */
const RESUMED = { timeout: 2000, interval: 20 };

const runs = new Map<string, number>();
const gates = new Map<string, () => void>();
const note = task({ name: "network.note" }, (label: string) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  return label;
});
const hold = task({ name: "network.hold" }, async (label: string) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  await new Promise<void>((resolve) => gates.set(label, resolve));
  return label;
});

/** A backend at the other end of a network of the test's own. */
async function open(options: { readonly commandTimeoutMs?: number; readonly leaseMs?: number }) {
  const network = await TcpProxy.to(redisUrl());
  const { backend } = openBackend({ url: network.url, ...options });
  onTestFinished(async () => {
    await backend.close();
    await network[Symbol.asyncDispose]();
  });
  return { backend, network };
}

describe("a network that swallows everything", () => {
  it("is noticed within commandTimeoutMs, and its connections are replaced when it is back", async () => {
    const { backend, network } = await open({ commandTimeoutMs: 300 });
    await note.enqueue("before");
    network.swallow();
    const startedAt = performance.now();
    await expect(note.enqueue("swallowed")).rejects.toMatchObject(UNAVAILABLE);
    expect(performance.now() - startedAt).toBeLessThan(300 + 200);
    network.pass();
    await vi.waitFor(async () => expect((await backend.counts()).READY).toBe(1), RESUMED);
  });

  it("is over for a worker soon after it is, long before commandTimeoutMs", async () => {
    const { backend, network } = await open({});
    const worker = await backend.createWorker();
    const running = worker.run();
    await (await note.enqueue(createId())).wait({ timeoutMs: 5000 });
    network.swallow();
    const swallowed = note.enqueue(createId()).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    network.pass();
    const backAtMs = performance.now();
    await swallowed;
    await vi.waitFor(
      async () => {
        const result = await note.enqueue(createId());
        await result.wait({ timeoutMs: 1000 });
      },
      { timeout: 5000 },
    );
    // Two seconds, and one for a busy machine.
    expect(performance.now() - backAtMs).toBeLessThan(3000);
    await worker.stop();
    await running;
  }, 15_000);

  it("costs a worker nothing but the time: what ended meanwhile is stored once, and the next task runs", async () => {
    const { backend, network } = await open({ commandTimeoutMs: 300, leaseMs: 10_000 });
    const worker = await backend.createWorker();
    const running = worker.run();
    const held = createId();
    const result = await hold.enqueue(held);
    await vi.waitFor(() => expect(gates.has(held)).toBe(true), { timeout: 5000 });
    network.swallow();
    gates.get(held)!();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    network.pass();
    await vi.waitFor(async () => expect((await result.refresh()).isFinished).toBe(true), RESUMED);
    expect([result.attempts, runs.get(held), result.returnValue]).toEqual([1, 1, held]);
    const next = await note.enqueue(createId());
    await next.wait({ timeoutMs: 5000 });
    await worker.stop();
    await running;
  }, 15_000);
});

describe("a client of one's own whose connection is silent", () => {
  it("makes calls reject within commandTimeoutMs, and serves again once its socketTimeout has replaced the connection", async () => {
    const network = await TcpProxy.to(redisUrl());
    const connection = new Redis(network.url, { socketTimeout: 500 });
    connection.on("error", () => undefined);
    const { backend } = openBackend({ connection, commandTimeoutMs: 300 });
    onTestFinished(async () => {
      await backend.close();
      connection.disconnect();
      await network[Symbol.asyncDispose]();
    });
    await note.enqueue("before");
    network.swallow();
    const startedAt = performance.now();
    await expect(note.enqueue("swallowed")).rejects.toMatchObject(UNAVAILABLE);
    expect(performance.now() - startedAt).toBeLessThan(300 + 200);
    network.pass();
    await vi.waitFor(async () => {
      expect((await backend.counts()).READY).toBeGreaterThanOrEqual(1);
    }, RESUMED);
  });
});

describe("a network that is cut again and again", () => {
  it("loses no task that was acknowledged, and stores none twice", async () => {
    const { backend, network } = await open({ leaseMs: 2000 });
    const worker = await backend.createWorker({ concurrency: 5 });
    const running = worker.run();
    const cutting = setInterval(() => network.cut(), 40);
    const acknowledged: string[] = [];
    // Without a connection an enqueue rejects at once: a fixed number of them may be over before
    // the next one is there.
    for (let count = 0; count < 100 || acknowledged.length === 0; count++) {
      const enqueued = await note.enqueue(createId()).catch(() => undefined);
      if (enqueued !== undefined) acknowledged.push(enqueued.id);
      await new Promise(setImmediate);
    }
    clearInterval(cutting);
    await vi.waitFor(
      async () => expect(await backend.counts()).toMatchObject({ READY: 0, RUNNING: 0, FAILED: 0 }),
      { timeout: 10_000, interval: 50 },
    );
    expect(acknowledged.length).toBeGreaterThan(0);
    for (const id of acknowledged) {
      expect((await backend.readRecord(id))?.status).toBe("SUCCESSFUL");
    }
    await worker.stop();
    await running;
  }, 30_000);
});
