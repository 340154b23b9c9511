import { setTimeout as sleep } from "node:timers/promises";

import { createId, task, taskFinished, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi, type TestContext } from "vitest";

import {
  startRestartableServer,
  type RestartableServer,
} from "../../../scripts/services/restartable-server.ts";
import { createFolder } from "./support/folder.ts";
import { readJournal, start } from "./support/processes.ts";
import { linger, mark } from "./support/tasks.ts";

taskLog.connect(() => undefined);
const UNAVAILABLE = { code: "TASKS_BACKEND_UNAVAILABLE" };
/** How soon work goes on when the server is back, in milliseconds: two seconds, and one for a busy machine. */
const RESUMED = { timeout: 3000, interval: 20 };
/** How long to wait for what comes before. */
const PREPARED = { timeout: 10_000, interval: 20 };

const folder = createFolder();
let server: RestartableServer;
beforeAll(async () => {
  server = await startRestartableServer("postgres");
}, 30_000);
afterAll(() => server[Symbol.asyncDispose]());

const runs = new Map<string, number>();
const note = task({ name: "outage.note" }, async (label: string, ms: number) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  await sleep(ms);
  return label;
});

/** A database of the test's own, by one of whose users the backend connects. */
async function open({ onTestFinished }: TestContext): Promise<{
  readonly backend: DatabaseBackend;
  readonly url: string;
  readonly user: string;
  readonly admin: Pool;
}> {
  const name = `t_${createId()}`;
  const own = new URL(server.url);
  own.pathname = name;
  const root = new Client(server.url);
  await root.connect();
  await root.query(`create database ${name}`);
  await root.query(`create role ${name} login`);
  await root.end();
  const admin = new Pool({ connectionString: own.href, max: 2 });
  admin.on("error", () => undefined);
  const migrator = new DatabaseBackend({ database: admin });
  await migrator.migrate();
  await admin.query(
    `grant select, insert, update, delete on all tables in schema public to ${name}`,
  );
  await admin.query(`grant usage on all sequences in schema public to ${name}`);
  own.username = name;
  const backend = new DatabaseBackend({ url: own.href, poolSize: 4 });
  onTestFinished(async () => {
    await Promise.all([backend.close(), admin.end()]);
  });
  return { backend, url: own.href, user: name, admin };
}

/** A worker that runs while `action` does. */
async function working<T>(
  backend: DatabaseBackend,
  action: () => Promise<T>,
  intervalMs = 100,
): Promise<T> {
  return withBackends({ default: backend }, async () => {
    const options = { intervalMs, concurrency: 5, shutdownTimeoutMs: 1000 };
    const worker = await backend.createWorker(options);
    const running = worker.run();
    try {
      return await action();
    } finally {
      await worker.stop();
      await running;
    }
  });
}

describe("a server that is killed", () => {
  it("gets what had finished meanwhile when it is back, without a second attempt, and each end is told once", async (context) => {
    const { backend } = await open(context);
    const told: string[] = [];
    context.onTestFinished(taskFinished.connect(({ taskResult }) => void told.push(taskResult.id)));
    await working(backend, async () => {
      const labels = Array.from({ length: 12 }, () => createId());
      // Some end before, some while it is away, some are not begun yet.
      const results = await note.enqueueMany(labels.map((label) => [label, 400]));
      await vi.waitFor(() => expect(runs.has(labels[4]!)).toBe(true), PREPARED);
      await server.kill();
      await sleep(1200);
      await server.start();
      await vi.waitFor(
        async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 12 }),
        { timeout: RESUMED.timeout + 1500, interval: 20 },
      );
      for (const label of labels) expect(runs.get(label)).toBe(1);
      for (const result of results) {
        await result.refresh();
        expect(result.attempts).toBe(1);
      }
      await vi.waitFor(() => expect(told.toSorted()).toEqual(results.map(({ id }) => id)), RESUMED);
    });
  }, 30_000);

  it("finds idle workers working within 2 s, and woken by notifications again", async (context) => {
    const { backend, url, admin, user } = await open(context);
    await using other = new DatabaseBackend({ url, poolSize: 2 });
    await working(
      backend,
      async () => {
        await (await note.enqueue(createId(), 0)).wait({ timeoutMs: 5000 });
        await server.kill();
        await sleep(2500);
        await server.start();
        const first = await note.enqueue(createId(), 0);
        await first.wait({ timeoutMs: 2000 });
        await vi.waitFor(async () => {
          const { rows } = await admin.query(
            "select 1 from pg_stat_activity where usename = $1 and query like 'listen %'",
            [user],
          );
          expect(rows).toHaveLength(1);
        }, RESUMED);
        await withBackends({ default: other }, async () => {
          const second = await note.enqueue(createId(), 0);
          // Long before the worker looks by itself.
          await second.wait({ timeoutMs: 2000 });
          expect(second.status).toBe("SUCCESSFUL");
        });
      },
      60_000,
    );
  }, 30_000);

  it("leaves a worker process alive, which goes on and can be stopped", async (context) => {
    const { backend, url } = await open(context);
    const journal = folder.path("killed.journal");
    await withBackends({ default: backend }, async () => {
      const running = await linger.enqueue("kept", 1000);
      const child = start({ job: "work", url }, journal);
      await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), { timeout: 10_000 });
      await server.kill();
      await sleep(1500);
      await server.start();
      const next = await mark.enqueue("next");
      await next.wait({ timeoutMs: 2500 });
      await running.wait({ timeoutMs: 2500 });
      expect(running).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
      await server.kill();
      const startedAt = performance.now();
      child.process.kill("SIGTERM");
      expect(await child.ended).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(2000);
      await server.start();
    });
  }, 30_000);
});

describe.concurrent("a server that takes nothing for a while", () => {
  it("may be read-only: enqueue says so, and the worker waits and goes on", async (context) => {
    const { backend, admin, user } = await open(context);
    await working(backend, async () => {
      const label = createId();
      const held = await note.enqueue(label, 300);
      await vi.waitFor(() => expect(runs.has(label)).toBe(true), PREPARED);
      await admin.query(`alter role ${user} set default_transaction_read_only = on`);
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [user],
      );
      await vi.waitFor(
        async () => {
          await expect(note.enqueue(createId(), 0)).rejects.toMatchObject(UNAVAILABLE);
          await expect(
            note.enqueueMany([
              ["a", 0],
              ["b", 0],
            ]),
          ).rejects.toThrow(/read-only/);
        },
        { timeout: 20_000 },
      );
      await sleep(1000);
      expect(await backend.counts()).toMatchObject({ RUNNING: 1 });
      await admin.query(`alter role ${user} reset default_transaction_read_only`);
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [user],
      );
      await vi.waitFor(async () => {
        await held.refresh();
        expect(held).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
      }, RESUMED);
    });
  }, 30_000);

  it("may have too many clients", async (context) => {
    const { backend, admin, user } = await open(context);
    await working(backend, async () => {
      const label = createId();
      const held = await note.enqueue(label, 300);
      await vi.waitFor(() => expect(runs.has(label)).toBe(true), PREPARED);
      await admin.query(`alter role ${user} connection limit 0`);
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
        [user],
      );
      await vi.waitFor(
        async () => expect(note.enqueue(createId(), 0)).rejects.toThrow(/too many connections/),
        { timeout: 20_000 },
      );
      await sleep(1000);
      await admin.query(`alter role ${user} connection limit -1`);
      await vi.waitFor(async () => {
        await held.refresh();
        expect(held).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
      }, RESUMED);
    });
  }, 30_000);

  it("may have a full disk, here by a trigger that fails as one would", async (context) => {
    const { backend, admin } = await open(context);
    await working(backend, async () => {
      const label = createId();
      const held = await note.enqueue(label, 300);
      await vi.waitFor(() => expect(runs.has(label)).toBe(true), PREPARED);
      await admin.query(`create function full_disk() returns trigger language plpgsql as $$ begin
        raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$`);
      for (const table of ["tasks_results", "tasks_workers"]) {
        await admin.query(
          `create trigger full_disk before insert or update on ${table} for each statement execute function full_disk()`,
        );
      }
      await expect(note.enqueue(createId(), 0)).rejects.toMatchObject(UNAVAILABLE);
      await sleep(1000);
      expect(await backend.counts()).toMatchObject({ RUNNING: 1 });
      await admin.query("drop function full_disk cascade");
      await vi.waitFor(async () => {
        await held.refresh();
        expect(held).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
      }, RESUMED);
    });
  }, 30_000);
});
