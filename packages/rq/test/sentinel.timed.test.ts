import { createId, task, taskLog, withBackends, type Task } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { startRedisSentinel } from "../../../scripts/services/redis-sentinel.ts";
import { createFolder } from "./support/folder.ts";
import { readJournal, startWorker } from "./support/processes.ts";
import { compute } from "./support/tasks.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const TASKS = 300;

const work: Task<[label: string], string> = task(
  { name: "sentinel.work" },
  async (label: string) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return label;
  },
);

describe("a master under sentinels that is killed while its tasks run", () => {
  it("is replaced by its replica: the worker goes on by itself, and finishes them all", async () => {
    const servers = await startRedisSentinel(1);
    onTestFinished(() => servers[Symbol.asyncDispose]());
    const { sentinels, name } = servers;
    const connection = new Redis({ sentinels: [...sentinels], name });
    connection.on("error", () => undefined);
    onTestFinished(() => connection.disconnect());
    const backend = new RQBackend({ connection, prefix: `t${createId()}`, leaseMs: 3000 });
    onTestFinished(() => backend.close());
    const tasks = Array.from({ length: TASKS }, () => [createId()] as [string]);
    await withBackends({ default: backend }, () => work.enqueueMany(tasks));
    // Whatever the replica does not have yet would be lost.
    await connection.wait(1, 5000);
    const worker = await backend.createWorker({ concurrency: 5 });
    const running = worker.run();
    await vi.waitFor(async () => expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(20), {
      timeout: 10_000,
    });
    const victim = await servers.master();
    await victim.kill();
    await vi.waitFor(
      async () => {
        const counts = await backend.counts();
        expect(counts).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: TASKS, FAILED: 0 });
      },
      { timeout: 30_000, interval: 50 },
    );
    expect((await servers.master()).url).not.toBe(victim.url);
    await worker.stop();
    await running;
  }, 60_000);

  it("does not cost a task its lease that computes all the while", async () => {
    const leaseMs = 4000;
    const servers = await startRedisSentinel(1);
    onTestFinished(() => servers[Symbol.asyncDispose]());
    const client = { sentinels: [...servers.sentinels], name: servers.name };
    const connection = new Redis(client);
    connection.on("error", () => undefined);
    onTestFinished(() => connection.disconnect());
    const options = { prefix: `t${createId()}`, leaseMs };
    const backend = new RQBackend({ connection, ...options });
    onTestFinished(() => backend.close());
    const journal = folder.path(createId());
    const [busy, rival] = await Promise.all(
      [1, 2].map(() => startWorker({ backend: options, client }, journal)),
    );
    const result = await withBackends({ default: backend }, () => compute.enqueue("long", 10_000));
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), { timeout: 10_000 });
    await connection.wait(1, 5000);
    await (await servers.master()).kill();
    await vi.waitFor(() => expect(readJournal(journal).at(-1)).toMatch(/^long end/), {
      timeout: 20_000,
    });
    await vi.waitFor(async () => expect((await result.refresh()).status).toBe("SUCCESSFUL"), {
      timeout: 10_000,
    });
    expect([result.attempts, readJournal(journal).length]).toEqual([1, 2]);
    for (const worker of [busy!, rival!]) worker.process.kill("SIGTERM");
    await Promise.all([busy!.ended, rival!.ended]);
  }, 60_000);
});
