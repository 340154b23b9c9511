import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Pool } from "pg";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { LEASE_MS, expectAllToWork } from "./support/expect-all-to-work.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const admin = createPool(3);
const names: string[] = [];
afterAll(async () => {
  for (const name of names) await admin.query(`drop database if exists ${name} with (force)`);
});
const greet = task({ name: "faults.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "faults.once", unique: { scope: "until-finished" } },
  (name: string) => name,
);

/** A database of the test's own. */
async function createDatabase(options = ""): Promise<string> {
  const name = `t_${createId()}`;
  names.push(name);
  await admin.query(`create database ${name} ${options}`);
  const url = new URL(postgresUrl());
  url.pathname = `/${name}`;
  return url.href;
}

describe("a sequence behind its rows, as after a restore", () => {
  it("is named by check() and by enqueue, with the statement that mends it", async () => {
    const url = await createDatabase();
    await using backend = new DatabaseBackend({ url });
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      await greet.enqueueMany([["Ada"], ["Grace"], ["Edsger"]]);
      const pool = new Pool({ connectionString: url, max: 1 });
      await pool.query("select setval('tasks_results_seq', 1, false)");
      const [message] = await backend.check();
      expect(message).toMatchObject({ level: "error", id: "tasks.db.E005" });
      const [, mending] = /Run: (.*)$/.exec(message!.text)!;
      for (const enqueue of [() => greet.enqueue("Alan"), () => once.enqueue("Alan")]) {
        await pool.query("select setval('tasks_results_seq', 1, false)");
        await expect(enqueue()).rejects.toMatchObject({
          code: "TASKS_BACKEND_UNAVAILABLE",
          message: expect.stringContaining(mending!) as string,
        });
      }
      await pool.query(mending!);
      await pool.end();
      await greet.enqueue("Alan");
    });
    expect(await backend.check()).toEqual([]);
  });
});

describe("a server that only reads for a while, as in a failover", () => {
  it.each(["url", "pool"])("is used again as soon as it writes: by %s", async (kind) => {
    const url = await createDatabase();
    const name = new URL(url).pathname.slice(1);
    await using owner = new DatabaseBackend({ url });
    await owner.migrate();
    await admin.query(`alter database ${name} set default_transaction_read_only = on`);
    const database = new Pool({ connectionString: url, max: 4 });
    onTestFinished(() => database.end());
    await using backend = new DatabaseBackend(kind === "url" ? { url, poolSize: 4 } : { database });
    await withBackends({ default: backend }, async () => {
      const calls = [
        () => once.enqueue(createId()),
        () => greet.enqueue("Ada"),
        () => once.enqueueMany([[createId()], [createId()]]),
      ];
      for (const call of [...calls, ...calls]) {
        await expect(call()).rejects.toMatchObject({
          code: "TASKS_BACKEND_UNAVAILABLE",
          isPermanent: false,
          message: expect.stringContaining("only reads") as string,
        });
      }
      expect(await backend.check()).toMatchObject([{ level: "error", id: "tasks.db.E006" }]);
      await admin.query(`alter database ${name} reset default_transaction_read_only`);
      // One call for each connection that may be left over.
      for (const call of calls) await expect(call()).resolves.toBeDefined();
      expect(await backend.check()).toEqual([]);
    });
  });
});

describe("a database with another encoding", () => {
  it("is refused where it cannot store every text", async () => {
    const url = await createDatabase(
      "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
    );
    await using backend = new DatabaseBackend({ url });
    const refusal = {
      code: "TASKS_INVALID_BACKEND",
      message: expect.stringContaining("LATIN1") as string,
    };
    await expect(backend.migrate()).rejects.toMatchObject(refusal);
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E004" }]);
    await withBackends({ default: backend }, () =>
      expect(greet.enqueue("Ada")).rejects.toMatchObject(refusal),
    );
    await expect((await backend.createWorker({ batch: true })).run()).rejects.toMatchObject(
      refusal,
    );
  });

  it("keeps every text where it stores bytes as they are", async () => {
    const url = await createDatabase(
      "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
    );
    await using backend = new DatabaseBackend({ url, leaseMs: LEASE_MS });
    await backend.migrate();
    await expectAllToWork(backend);
  }, 30_000);
});
