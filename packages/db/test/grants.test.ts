import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const pool = createPool(2);
const cleanups: string[] = [];
afterAll(async () => {
  for (const statement of cleanups) await pool.query(statement);
});

const greet = task({ name: "grants.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "grants.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);
const fail = task({ name: "grants.fail", maxAttempts: 2, backoff: { type: "fixed" } }, () => {
  throw new Error("no");
});

/** A backend that connects as a role which may do nothing but what is granted here. */
async function openAs(
  grants: (schema: string, role: string) => readonly string[],
): Promise<{ readonly backend: DatabaseBackend; readonly schema: string }> {
  const name = `t_${createId()}`;
  await using owner = new DatabaseBackend({ database: pool, schema: name });
  await owner.migrate();
  await pool.query(`create role ${name} login`);
  for (const grant of grants(name, name)) await pool.query(grant);
  cleanups.push(`drop schema ${name} cascade`, `drop owned by ${name}`, `drop role ${name}`);
  const url = new URL(postgresUrl());
  url.username = name;
  const backend = new DatabaseBackend({ url: url.href, schema: name, poolSize: 3 });
  onTestFinished(() => backend.close());
  return { backend, schema: name };
}

describe("a role that may change rows and nothing else", () => {
  it("enqueues, works, waits, prunes, monitors and checks", async () => {
    const { backend } = await openAs((schema, role) => [
      `grant usage on schema ${schema} to ${role}`,
      `grant select, insert, update, delete on ${schema}.tasks_results, ${schema}.tasks_workers, ${schema}.tasks_unique_keys to ${role}`,
      `grant usage on sequence ${schema}.tasks_results_seq to ${role}`,
      `grant select on ${schema}.tasks_paused_queues, ${schema}.tasks_migrations to ${role}`,
    ]);
    await withBackends({ default: backend }, async () => {
      const worker = await backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      const result = await greet.enqueue("Ada");
      await once.enqueue("a");
      const failing = await fail.enqueue();
      await greet.enqueueMany([["Grace"], ["Edsger"]]);
      await result.wait({ timeoutMs: 5000 });
      await failing.wait({ timeoutMs: 5000 });
      expect(await backend.workers()).toHaveLength(1);
      expect(await backend.check()).toEqual([]);
      await worker.stop();
      await running;
      expect(await backend.counts()).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: 4, FAILED: 1 });
      expect(await backend.prune({ minAgeMs: 0 })).toBe(5);
    });
  });

  it("is told which right on the sequence it lacks", async () => {
    const { backend } = await openAs((schema, role) => [
      `grant usage on schema ${schema} to ${role}`,
      `grant select, insert on ${schema}.tasks_results to ${role}`,
    ]);
    await withBackends({ default: backend }, async () => {
      await expect(greet.enqueue("Ada")).rejects.toThrow(
        "grant usage on sequence tasks_results_seq",
      );
    });
  });

  it("cannot migrate, and finds nothing to do where all is in place", async () => {
    const { backend } = await openAs((schema, role) => [
      `grant usage on schema ${schema} to ${role}`,
      `grant select on ${schema}.tasks_migrations to ${role}`,
    ]);
    expect(await backend.migrate()).toEqual([]);
    await expect(backend.migrate({ to: 0 })).rejects.toThrow(/must be owner|permission denied/);
  });
});

describe("a role that may insert and read", () => {
  it("enqueues, and can do nothing with what is there", async () => {
    const { backend } = await openAs((schema, role) => [
      `grant usage on schema ${schema} to ${role}`,
      `grant select, insert on ${schema}.tasks_results to ${role}`,
      `grant select, insert, update on ${schema}.tasks_unique_keys to ${role}`,
      `grant select on ${schema}.tasks_paused_queues to ${role}`,
      `grant usage on sequence ${schema}.tasks_results_seq to ${role}`,
    ]);
    await withBackends({ default: backend }, async () => {
      const result = await greet.enqueue("Ada");
      await once.enqueue("a");
      expect((await once.enqueue("a")).deduplicated).toBe(true);
      await greet.enqueueMany([["Grace"], ["Edsger"]]);
      await result.refresh();
      expect(result.status).toBe("READY");
      for (const forbidden of [() => result.cancel(), () => backend.prune({ minAgeMs: 0 })]) {
        await expect(forbidden()).rejects.toMatchObject({
          code: "TASKS_BACKEND_UNAVAILABLE",
          message: expect.stringContaining("permission denied") as string,
        });
      }
    });
  });
});
