import { createId, task, taskLog, withBackends, type Task } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { startRedisSentinel } from "../../../scripts/services/redis-sentinel.ts";

taskLog.connect(() => undefined);
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
    await vi.waitFor(async () => expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(20));
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
});
