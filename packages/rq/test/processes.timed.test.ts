import { writeFileSync } from "node:fs";

import { createId, taskLog } from "@tasks/core";
import { describe, expect, it, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";
import { readJournal, startWorker, type Child } from "./support/processes.ts";
import { RedisServer } from "./support/redis-server.ts";
import { redisUrl } from "./support/redis.ts";
import { block, compute, heed, mark } from "./support/tasks.ts";

const folder = createFolder();
const LEASE_MS = 1000;
taskLog.connect(() => undefined);

function open(): {
  readonly backend: ReturnType<typeof openBackend>["backend"];
  readonly journal: string;
  readonly work: (worker?: Parameters<typeof startWorker>[0]["worker"]) => Promise<Child>;
} {
  const { backend, prefix } = openBackend({ leaseMs: LEASE_MS });
  const journal = folder.path(createId());
  const options = { url: redisUrl(), prefix, leaseMs: LEASE_MS };
  return {
    backend,
    journal,
    work: (worker = {}) => startWorker({ backend: options, worker }, journal),
  };
}

const within = (ms: number): { readonly timeout: number; readonly interval: number } => ({
  timeout: ms,
  interval: 10,
});

describe("worker processes on one server", () => {
  it("run each task exactly once", async () => {
    const { backend, journal, work } = open();
    await mark.enqueueMany(Array.from({ length: 2000 }, (_, index) => [`task-${index}`] as const));
    const workers = await Promise.all([work(), work(), work()]);
    await vi.waitFor(async () => {
      expect(await backend.counts()).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: 2000, FAILED: 0 });
    }, within(20_000));
    for (const { process } of workers) process.kill("SIGTERM");
    expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    const labels = readJournal(journal).map((line) => line.split(" ")[0]);
    expect(labels).toHaveLength(2000);
    expect(new Set(labels).size).toBe(2000);
    await backend.close();
  }, 40_000);

  it("leave what they claimed ahead to others while a task blocks their event loop", async () => {
    const { backend, journal, work } = open();
    const end = folder.path(createId());
    const marks = (name: string): [string][] =>
      Array.from({ length: 400 }, (_, index) => [`${name}-${index}`]);
    // Short tasks come first, so that the worker claims many ahead.
    await mark.enqueueMany(marks("before"));
    const blocking = await block.enqueue("blocking", end);
    const results = await mark.enqueueMany(marks("after"));
    const blocked = await work({ concurrency: 1 });
    await vi.waitFor(() => {
      expect(readJournal(journal)).toContain(`blocking start ${blocked.pid}`);
    }, within(10_000));
    const other = await work({ concurrency: 1 });
    await Promise.all(results.map((result) => result.wait({ timeoutMs: 20_000 })));
    expect((await blocking.refresh()).status).toBe("RUNNING");
    // None counts as lost.
    expect(results.map(({ attempts }) => attempts)).toEqual(results.map(() => 1));
    writeFileSync(end, "");
    await blocking.wait({ timeoutMs: 10_000 });
    for (const { process } of [blocked, other]) process.kill("SIGTERM");
    expect(await Promise.all([blocked.ended, other.ended])).toEqual([0, 0]);
    const labels = readJournal(journal).map((line) => line.split(" ")[0]);
    expect(labels).toHaveLength(801);
    expect(new Set(labels).size).toBe(801);
    await backend.close();
  }, 60_000);

  it("take over a killed worker's task within the lease and two seconds, again and again", async () => {
    const { backend, journal, work } = open();
    const result = await heed.enqueue("victim");
    let holder = await work();
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), within(10_000));
    for (const workers of [2, 3]) {
      const heir = await work();
      await vi.waitFor(async () => {
        expect((await backend.workers()).map(({ alive }) => alive)).toContain(true);
        expect(await backend.workers()).toHaveLength(workers);
      }, within(10_000));
      holder.process.kill("SIGKILL");
      const killedAt = performance.now();
      await vi.waitFor(() => {
        expect(readJournal(journal)).toContain(`victim start ${heir.pid}`);
      }, within(10_000));
      expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 2000);
      holder = heir;
    }
    await result.cancel();
    await result.wait({ timeoutMs: 10_000 });
    expect([result.attempts, result.state, result.errors.length]).toEqual([3, "cancelled", 1]);
    holder.process.kill("SIGTERM");
    await holder.ended;
    await backend.close();
  }, 40_000);

  it("keep the lease of a task that computes for longer than it", async () => {
    const { backend, journal, work } = open();
    const [busy, rival] = await Promise.all([work(), work()]);
    const result = await compute.enqueue("long", 2 * LEASE_MS);
    await result.wait({ timeoutMs: 15_000 });
    expect(result.attempts).toBe(1);
    expect(readJournal(journal)).toHaveLength(2);
    for (const { process } of [busy, rival]) process.kill("SIGTERM");
    await Promise.all([busy.ended, rival.ended]);
    await backend.close();
  }, 30_000);

  it("keep it after the server was killed and started again, too", async () => {
    const server = await RedisServer.start(folder.path(createId()));
    const { backend, prefix } = openBackend({ url: server.url, leaseMs: LEASE_MS });
    const journal = folder.path(createId());
    const options = { url: server.url, prefix, leaseMs: LEASE_MS };
    const [busy, rival] = await Promise.all(
      [1, 2].map(() => startWorker({ backend: options }, journal)),
    );
    const before = await mark.enqueueMany([["a"], ["b"], ["c"]]);
    await Promise.all(before.map((result) => result.wait({ timeoutMs: 10_000 })));
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
    await server.start();
    const result = await compute.enqueue("long", 5 * LEASE_MS);
    await result.wait({ timeoutMs: 15_000 });
    expect(result.attempts).toBe(1);
    for (const worker of [busy!, rival!]) worker.process.kill("SIGTERM");
    await Promise.all([busy!.ended, rival!.ended]);
    await backend.close();
  }, 40_000);

  it("record nothing of a worker that was stopped for longer than its lease, and tell it", async () => {
    const { backend, journal, work } = open();
    const result = await heed.enqueue("zombie");
    const zombie = await work();
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), within(10_000));
    zombie.process.kill("SIGSTOP");
    const heir = await work();
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(2), within(10_000));
    zombie.process.kill("SIGCONT");
    await vi.waitFor(() => {
      expect(readJournal(journal)).toContain(`zombie TaskLost ${zombie.pid}`);
    }, within(5_000));
    expect((await result.refresh()).status).toBe("RUNNING");
    const cancelledAt = performance.now();
    expect(await result.cancel()).toBe(true);
    await vi.waitFor(() => {
      expect(readJournal(journal)).toContain(`zombie TaskCancelled ${heir.pid}`);
    }, within(5_000));
    expect(performance.now() - cancelledAt).toBeLessThan(1000);
    await result.wait({ timeoutMs: 10_000 });
    expect([result.state, result.attempts]).toEqual(["cancelled", 2]);
    for (const { process } of [zombie, heir]) process.kill("SIGTERM");
    await Promise.all([zombie.ended, heir.ended]);
    await backend.close();
  }, 30_000);

  it("are woken by an enqueue elsewhere, and by a task that falls due", async () => {
    const { backend, work } = open();
    const worker = await work({ intervalMs: 60_000 });
    await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), within(10_000));
    const result = await mark.enqueue("hello");
    await result.wait({ timeoutMs: 5_000 });
    expect(result.finishedAt!.getTime() - result.enqueuedAt.getTime()).toBeLessThan(1_000);
    const later = await mark.using({ runAfter: { milliseconds: 300 } }).enqueue("later");
    await later.wait({ timeoutMs: 5_000 });
    const lateMs = later.startedAt!.getTime() - later.runAfter!.getTime();
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(1_000);
    worker.process.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(await backend.workers()).toEqual([]);
    await backend.close();
  }, 30_000);
});
