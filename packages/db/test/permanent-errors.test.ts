import { createId, task, taskLog, withBackends, type LogRecord } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const records: LogRecord[] = [];
taskLog.connect((record) => {
  records.push(record);
});
const folder = createFolder();
const pool = createPool(2);
const databases = createDatabases(createMariadbPool());
const greet = task({ name: "permanent.greet" }, (name: string) => `Hello, ${name}!`);

function withPart(url: string, change: (url: URL) => void): string {
  const changed = new URL(url);
  change(changed);
  return changed.href;
}

/** Databases that someone has to change first. */
const FAULTS: Readonly<Record<string, () => Promise<string> | string>> = {
  "no tables on PostgreSQL": async () => {
    const schema = `t_${createId()}`;
    await pool.query(`create schema ${schema}`);
    onTestFinished(async () => void (await pool.query(`drop schema ${schema} cascade`)));
    return withPart(postgresUrl(), (url) =>
      url.searchParams.set("options", `-c search_path=${schema}`),
    );
  },
  "no tables on MariaDB": async () => (await databases.create()).url,
  "no such database on PostgreSQL": () =>
    withPart(postgresUrl(), (url) => {
      url.pathname = `/t_${createId()}`;
    }),
  "no such database on MariaDB": async () =>
    withPart((await databases.create()).url, (url) => {
      url.pathname = `/t_${createId()}`;
    }),
  "no such user on MariaDB": async () =>
    withPart((await databases.create()).url, (url) => {
      url.username = `u${createId().slice(-12)}`;
    }),
  "no such folder of SQLite": () => `sqlite:${folder.path("no/such/folder/tasks.db")}`,
};

describe.each(Object.entries(FAULTS))("%s", (_name, open) => {
  it("ends a worker that is to end with the last task, and is told by every call", async () => {
    await using backend = new DatabaseBackend({ url: await open() });
    const worker = await backend.createWorker({ batch: true });
    await expect(worker.run()).rejects.toMatchObject({
      code: "TASKS_BACKEND_UNAVAILABLE",
      isPermanent: true,
    });
    await withBackends({ default: backend }, () =>
      expect(greet.enqueue("Ada")).rejects.toMatchObject({ isPermanent: true }),
    );
    expect(await backend.check()).toMatchObject([{ level: "error" }]);
  }, 20_000);

  it("is waited for by other workers, who say it once", async () => {
    await using backend = new DatabaseBackend({ url: await open() });
    const workerId = `w${createId()}`;
    const worker = await backend.createWorker({ workerId });
    const running = worker.run();
    const ofWorker = (): LogRecord[] =>
      records.filter(({ level, message }) => level !== "debug" && message.includes(workerId));
    await vi.waitFor(() => expect(ofWorker()).toMatchObject([{ level: "error" }]), 10_000);
    // Longer than several tries.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(ofWorker()).toHaveLength(1);
    await worker.stop();
    await running;
  }, 20_000);
});

it("a worker goes on when the tables are there", async () => {
  await using backend = new DatabaseBackend({ url: (await databases.create()).url });
  const worker = await backend.createWorker({ intervalMs: 50 });
  const running = worker.run();
  const isTold = (): boolean => records.some(({ message }) => message.includes(worker.workerId));
  await vi.waitFor(() => expect(isTold()).toBe(true), 10_000);
  await backend.migrate();
  await withBackends({ default: backend }, async () => {
    const result = await greet.enqueue("Ada");
    await result.wait({ timeoutMs: 10_000 });
    expect(result.returnValue).toBe("Hello, Ada!");
  });
  await worker.stop();
  await running;
}, 20_000);
