import { DatabaseSync } from "node:sqlite";

import { configureTasks, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { readJournal, start } from "./support/processes.ts";
import { compute, heed, linger, mark } from "./support/tasks.ts";

const folder = createFolder();
const LEASE_MS = 600;
taskLog.connect(() => undefined);

async function open(name: string): Promise<{
  readonly backend: DatabaseBackend;
  readonly url: string;
  readonly journal: string;
}> {
  const url = `sqlite:${folder.path(`${name}.db`)}`;
  const backend = new DatabaseBackend({ url, leaseMs: LEASE_MS });
  configureTasks({ backends: { default: backend } });
  await backend.migrate();
  return { backend, url, journal: folder.path(`${name}.journal`) };
}

const within = (ms: number): { readonly timeout: number; readonly interval: number } => ({
  timeout: ms,
  interval: 10,
});

describe("processes that share a file", () => {
  it("migrates once when ten start together on a new file", async () => {
    const url = `sqlite:${folder.path("migrated.db")}`;
    const children = Array.from({ length: 10 }, () => start({ job: "migrate", url }));
    const steps = await Promise.all(children.map((child) => child.next()));
    const codes = await Promise.all(children.map(({ ended }) => ended));
    expect(codes).toEqual(Array.from({ length: 10 }, () => 0));
    expect(steps.flat()).toEqual(["1 initial"]);
  }, 30_000);

  it("runs each task exactly once while several enqueue and several work", async () => {
    const { backend, url, journal } = await open("drain");
    await mark.enqueueMany(Array.from({ length: 1500 }, (_, index) => [`first-${index}`] as const));
    const producers = [1, 2].map(() => start({ job: "enqueue", url, options: { maxTasks: 250 } }));
    const workers = [1, 2, 3].map(() => start({ job: "work", url }, journal));
    await Promise.all([...producers, ...workers].map((child) => child.next()));
    await Promise.all(producers.map(({ ended }) => ended));
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

  it("gives a killed worker's task to another one", async () => {
    const { backend, url, journal } = await open("killed");
    const result = await linger.enqueue("victim", 300);
    const victim = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), within(10_000));
    victim.process.kill("SIGKILL");
    const killedAt = performance.now();
    const heir = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    await vi.waitFor(() => {
      expect(readJournal(journal)).toContain(`victim start ${heir.pid}`);
    }, within(10_000));
    expect(performance.now() - killedAt).toBeLessThan(LEASE_MS + 2000 + 1000);
    await result.wait({ timeoutMs: 10_000 });
    expect(result.returnValue).toBe(heir.pid);
    expect(result.attempts).toBe(2);
    expect(result.errors).toEqual([]);
    heir.process.kill("SIGTERM");
    await heir.ended;
    await backend.close();
  }, 30_000);

  it("keeps the lease of a task that computes for longer than it", async () => {
    const { backend, url, journal } = await open("busy");
    const busy = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    const rival = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    await Promise.all([busy.next(), rival.next()]);
    const result = await compute.enqueue("long", 2 * LEASE_MS);
    await result.wait({ timeoutMs: 15_000 });
    expect(result.attempts).toBe(1);
    expect(readJournal(journal)).toHaveLength(2);
    for (const { process } of [busy, rival]) process.kill("SIGTERM");
    await Promise.all([busy.ended, rival.ended]);
    await backend.close();
  }, 30_000);

  it("records nothing of a worker that was stopped for longer than its lease", async () => {
    const { backend, url, journal } = await open("zombie");
    const result = await heed.enqueue("zombie");
    const zombie = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), within(10_000));
    zombie.process.kill("SIGSTOP");
    const heir = start({ job: "work", url, leaseMs: LEASE_MS }, journal);
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(2), within(10_000));
    zombie.process.kill("SIGCONT");
    await vi.waitFor(() => {
      expect(readJournal(journal)).toContain(`zombie TaskLost ${zombie.pid}`);
    }, within(5_000));
    await result.refresh();
    expect(result.status).toBe("RUNNING");
    expect(await result.cancel()).toBe(true);
    await result.wait({ timeoutMs: 10_000 });
    expect(result.state).toBe("cancelled");
    expect(result.attempts).toBe(2);
    for (const { process } of [zombie, heir]) process.kill("SIGTERM");
    await Promise.all([zombie.ended, heir.ended]);
    await backend.close();
  }, 30_000);

  it("stores one row for a unique task that several processes enqueue at once", async () => {
    const { backend, url } = await open("unique");
    const children = [1, 2, 3].map(() => start({ job: "unique", url }));
    const answers = (await Promise.all(children.map((child) => child.next()))).flat() as {
      readonly id: string;
      readonly deduplicated: boolean;
    }[];
    expect(answers).toHaveLength(75);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect(await backend.counts()).toMatchObject({ READY: 1 });
    await backend.close();
  }, 30_000);

  it("wakes the worker of another process soon after a commit", async () => {
    const { backend, url, journal } = await open("woken");
    const worker = start({ job: "work", url, options: { intervalMs: 60_000 } }, journal);
    await worker.next();
    await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), within(10_000));
    const result = await mark.enqueue("hello");
    await result.wait({ timeoutMs: 5_000 });
    expect(result.finishedAt!.getTime() - result.enqueuedAt.getTime()).toBeLessThan(1_000);
    worker.process.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(await backend.workers()).toEqual([]);
    await backend.close();
  }, 30_000);

  it("waits for a locked file, and leaves the event loop free meanwhile", async () => {
    const { backend } = await open("locked");
    const other = new DatabaseSync(folder.path("locked.db"));
    other.exec("begin immediate");
    let turns = 0;
    const ticking = setInterval(() => turns++, 10);
    const enqueued = mark.enqueue("patient");
    // Far beyond the busy timeout of the connection.
    await vi.waitFor(() => expect(turns).toBeGreaterThanOrEqual(40), within(5_000));
    expect(await backend.counts()).toMatchObject({ READY: 0 });
    other.exec("commit");
    const result = await enqueued;
    clearInterval(ticking);
    expect((await backend.getResult(result.id)).status).toBe("READY");
    other.close();
    await backend.close();
  }, 15_000);
});
