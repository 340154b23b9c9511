import { createId, task, taskLog } from "@tasks/core";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const LEASE_MS = 600;

const runs = new Map<string, number>();
const gates = new Map<string, () => void>();
const hold = task({ name: "memory.hold" }, async (label: string) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  await new Promise<void>((resolve) => gates.set(label, resolve));
  return label;
});

const fail = task({ name: "memory.fail" }, (): null => {
  throw new Error("on purpose");
});

describe("a server whose memory is full", () => {
  it("is still read, also when a tool has just made a task ready", async () => {
    const server = await RedisServer.start(folder.path(createId()));
    const admin = new Redis(server.url);
    const { backend } = openBackend({ url: server.url });
    const queue = await backend.bullQueue("default");
    onTestFinished(async () => {
      admin.disconnect();
      await queue.close();
      await backend.close();
    });
    const { id } = await fail.enqueue();
    await (await backend.createWorker({ batch: true })).run();
    await (await queue.getJob(id))!.retry("failed");
    await admin.config("SET", "maxmemory", "1");
    expect(await backend.readRecord(id)).toMatchObject({ id });
    expect((await backend.list()).results).toHaveLength(1);
    await admin.config("SET", "maxmemory", "0");
    expect(await backend.readRecord(id)).toMatchObject({ status: "READY" });
  });

  it("refuses new tasks as BackendUnavailable, while workers keep their leases and store results", async () => {
    const server = await RedisServer.start(folder.path(createId()));
    const admin = new Redis(server.url);
    const { backend } = openBackend({ url: server.url, leaseMs: LEASE_MS });
    onTestFinished(async () => {
      // Closing waits for the task, and for the server to take its result.
      for (const finish of gates.values()) finish();
      await admin.config("SET", "maxmemory", "0");
      await backend.close();
      admin.disconnect();
    });
    const workers = await Promise.all([backend.createWorker(), backend.createWorker()]);
    const running = workers.map((worker) => worker.run());
    const label = createId();
    const result = await hold.enqueue(label);
    await vi.waitFor(() => expect(gates.has(label)).toBe(true), { timeout: 5000 });
    await admin.config("SET", "maxmemory", "1");
    const refused: unknown = await hold.enqueue(createId()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    expect(String(refused)).toMatch(/OOM.*memory is full/);
    // Long enough for a lease that is not renewed to run out.
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS));
    gates.get(label)!();
    await vi.waitFor(async () => expect((await result.refresh()).isFinished).toBe(true), {
      timeout: 2000,
      interval: 20,
    });
    expect([result.attempts, runs.get(label), result.returnValue]).toEqual([1, 1, label]);
    await admin.config("SET", "maxmemory", "0");
    await hold.using({ runAfter: { hours: 1 } }).enqueue(createId());
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(running);
  }, 20_000);
});
