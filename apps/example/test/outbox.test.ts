/** Tasks that run on Redis, enqueued in a transaction of the application's database. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { OutboxBackend } from "@tasks/core/outbox";
import { DatabaseBackend } from "@tasks/db";
import { RQBackend } from "@tasks/rq";
import { expect, inject, onTestFinished, test } from "vitest";

import { temporaryFolder } from "./support/temporary-folder.ts";

taskLog.connect(() => {});

const runs = new Map<string, number>();
const note = task({ name: "outbox.note" }, (label: string) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  return label;
});

async function open(): Promise<{
  readonly database: DatabaseSync;
  readonly target: RQBackend;
  readonly backend: OutboxBackend;
}> {
  const path = join(await temporaryFolder(), "app.db");
  const database = new DatabaseSync(path);
  const outbox = new DatabaseBackend({ url: `sqlite:${path}` });
  await outbox.migrate();
  const target = new RQBackend({ url: inject("serviceUrls").redis!, prefix: `t${createId()}` });
  const backend = new OutboxBackend({ target, outbox });
  onTestFinished(async () => {
    await target.prune({ minAgeMs: 0 });
    await backend.close();
    database.close();
  });
  return { database, target, backend };
}

async function drain(backend: OutboxBackend): Promise<void> {
  const worker = await backend.createWorker({ batch: true, intervalMs: 20 });
  await worker.run();
}

test("a task enqueued in a transaction moves to Redis after the commit, and runs there once", async () => {
  const { database, target, backend } = await open();
  await withBackends({ default: backend }, async () => {
    database.exec("begin immediate");
    const result = await note.using({ transaction: database }).enqueue("committed");
    expect(await target.readRecord(result.id)).toBeUndefined();
    database.exec("commit");
    expect((await result.refresh()).status).toBe("READY");
    await drain(backend);
    expect((await result.refresh()).returnValue).toBe("committed");
    expect(await target.readRecord(result.id)).toMatchObject({ status: "SUCCESSFUL" });
    expect(runs.get("committed")).toBe(1);
  });
});

test("nothing is left of a transaction that is rolled back", async () => {
  const { database, target, backend } = await open();
  await withBackends({ default: backend }, async () => {
    database.exec("begin immediate");
    await note.using({ transaction: database }).enqueue("rolled back");
    database.exec("rollback");
    await drain(backend);
    expect(runs.has("rolled back")).toBe(false);
    expect((await target.counts()).SUCCESSFUL).toBe(0);
  });
});
