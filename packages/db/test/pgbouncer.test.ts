import { setTimeout as sleep } from "node:timers/promises";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import {
  startPgBouncer,
  type RestartableServer,
} from "../../../scripts/services/restartable-server.ts";
import { createFolder } from "./support/folder.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";
import { readJournal, start } from "./support/processes.ts";
import { mark } from "./support/tasks.ts";

taskLog.connect(() => undefined);
const pool = createPool(2);
const folder = createFolder();

let pooler: RestartableServer | undefined;
let reason = "";
beforeAll(async () => {
  try {
    pooler = await startPgBouncer(postgresUrl());
  } catch (error) {
    reason = String(error);
    if (!reason.includes("Not found on this machine")) throw error;
  }
}, 120_000);
beforeEach(({ skip }) => {
  if (pooler === undefined) skip(reason);
});
afterAll(() => pooler?.[Symbol.asyncDispose]());

const greet = task({ name: "pgbouncer.greet" }, (name: string) => `Hello, ${name}!`);

async function open(options: Partial<DatabaseBackendOptions> = {}): Promise<{
  readonly backend: DatabaseBackend;
  readonly schema: string;
}> {
  const schema = `t_${createId()}`;
  const backend = new DatabaseBackend({
    ...(options.database === undefined ? { url: pooler!.url, pooler: true } : {}),
    schema,
    ...options,
  });
  await backend.migrate();
  onTestFinished(async () => {
    await backend.close();
    await pool.query(`drop schema ${schema} cascade`);
  });
  return { backend, schema };
}

describe("PgBouncer in transaction mode", () => {
  it("carries migrations, enqueues, workers, leases and waits", async () => {
    const { backend } = await open({ leaseMs: 1000 });
    await withBackends({ default: backend }, async () => {
      const worker = await backend.createWorker({ intervalMs: 60_000 });
      const running = worker.run();
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) => greet.enqueue(`${index}`)),
      );
      for (const result of results) await result.wait({ timeoutMs: 5000 });
      // Longer than a lease: it is renewed through the pooler.
      await sleep(1500);
      expect(await backend.workers()).toHaveLength(1);
      // Without notifications a worker looks by itself, ten times a second.
      const late = await greet.enqueue("late");
      await late.wait({ timeoutMs: 2000 });
      expect(late.attempts).toBe(1);
      await worker.stop();
      await running;
      expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 61 });
    });
  }, 30_000);

  it("shares its few connections among several worker processes, each task once", async () => {
    const journal = folder.path("shared.journal");
    const url = new URL(pooler!.url);
    const name = `t_${createId()}`;
    await pool.query(`create database ${name}`);
    url.pathname = name;
    const backend = new DatabaseBackend({ url: url.href, pooler: true });
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      await mark.enqueueMany(Array.from({ length: 500 }, (_, index) => [`${index}`] as const));
      const job = { job: "work", url: url.href, pooler: true } as const;
      const workers = [1, 2, 3].map(() => start(job, journal));
      await Promise.all(workers.map((child) => child.next()));
      await vi.waitFor(
        async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 500 }),
        { timeout: 20_000 },
      );
      for (const { process } of workers) process.kill("SIGTERM");
      expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0, 0]);
    });
    const labels = readJournal(journal).map((line) => line.split(" ")[0]);
    expect(labels).toHaveLength(500);
    expect(new Set(labels).size).toBe(500);
    await backend.close();
  }, 40_000);

  it("takes tasks in transactions of the caller's, and loses them with a rollback", async () => {
    const { backend } = await open();
    const client = new Client(pooler!.url);
    await client.connect();
    await withBackends({ default: backend }, async () => {
      await client.query("begin");
      const kept = await greet.using({ transaction: client }).enqueue("kept");
      await client.query("commit");
      await client.query("begin");
      const gone = await greet.using({ transaction: client }).enqueueMany([["a"], ["b"]]);
      await client.query("rollback");
      expect(await backend.readRecord(kept.id)).toBeDefined();
      for (const { id } of gone) expect(await backend.readRecord(id)).toBeUndefined();
    });
    await client.end();
  });

  it("may be killed and started again under a worker", async () => {
    const { backend } = await open();
    await withBackends({ default: backend }, async () => {
      const worker = await backend.createWorker({ intervalMs: 100 });
      const running = worker.run();
      await (await greet.enqueue("before")).wait({ timeoutMs: 5000 });
      await pooler!.kill();
      await sleep(500);
      await pooler!.start();
      const after = await vi.waitFor(() => greet.enqueue("after"), { timeout: 3000 });
      await after.wait({ timeoutMs: 3000 });
      expect(after.attempts).toBe(1);
      await worker.stop();
      await running;
    });
  }, 30_000);

  it("is recognised by its errors where pooler: true was forgotten", async () => {
    const { schema } = await open();
    await using forgetful = new DatabaseBackend({ url: pooler!.url, schema });
    await withBackends({ default: forgetful }, async () => {
      const calls = Array.from({ length: 40 }, (_, index) =>
        Promise.all([greet.enqueue(`${index}`), forgetful.counts()]),
      );
      const failed = (await Promise.allSettled(calls)).find(({ status }) => status === "rejected");
      expect(failed).toMatchObject({
        reason: {
          code: "TASKS_BACKEND_UNAVAILABLE",
          message: expect.stringContaining("say pooler: true") as string,
        },
      });
    });
  });

  it("is used by a pool of pg without a word about it, too", async () => {
    const own = new Pool({ connectionString: pooler!.url, max: 3 });
    own.on("error", () => undefined);
    const { backend } = await open({ database: own });
    await withBackends({ default: backend }, async () => {
      const result = await greet.enqueue("Ada");
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      await result.refresh();
      expect(result.status).toBe("SUCCESSFUL");
    });
    await own.end();
  });
});
