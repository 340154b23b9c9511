import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, migrations } from "@tasks/db";
import { CamelCasePlugin, Kysely, MysqlDialect } from "kysely";
import { createPool as createCallbackPool } from "mysql2";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { describe, expect, it, onTestFinished } from "vitest";

import { mysqlMigrations } from "../src/dialects/mysql-migrations.ts";
import { tableNames } from "../src/tables.ts";
import { createDatabases, createPool } from "./support/mariadb.ts";
import { start } from "./support/processes.ts";

const pool = createPool();
const databases = createDatabases(pool);
taskLog.connect(() => undefined);

const greet = task({ name: "mysql.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "mysql.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);

async function rowsOf(sql: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>(sql);
  return rows;
}

describe("migrations on MySQL", () => {
  it("run once when ten processes start together", async () => {
    const { url } = await databases.create();
    const children = Array.from({ length: 10 }, () => start({ job: "migrate", url }));
    const steps = await Promise.all(children.map((child) => child.next()));
    const codes = await Promise.all(children.map(({ ended }) => ended));
    expect(codes).toEqual(Array.from({ length: 10 }, () => 0));
    expect(steps.flat()).toEqual(["1 initial"]);
  }, 60_000);

  it("go up and down", async () => {
    const { name, backend } = await databases.open();
    expect(await backend.migrate()).toEqual([]);
    expect(await backend.migrate({ to: 0 })).toEqual(["1 initial"]);
    expect(await rowsOf(`show tables from ${name}`)).toEqual([]);
    expect(await backend.migrate()).toEqual(["1 initial"]);
    await backend.close();
  });

  it("run again where they were cut short, in either direction", async () => {
    const [first] = mysqlMigrations(tableNames());
    for (let done = 0; done <= first!.up.length; done++) {
      const { name, url } = await databases.create();
      const connection = await createConnection(url);
      for (const statement of first!.up.slice(0, done)) await connection.query(statement);
      await using backend = new DatabaseBackend({ url, poolSize: 2 });
      expect(await backend.migrate()).toEqual(["1 initial"]);
      expect(await backend.check()).toEqual([]);
      for (const statement of first!.down.slice(0, done)) await connection.query(statement);
      await backend.migrate({ to: 0 });
      expect(await rowsOf(`show tables from ${name}`)).toEqual([]);
      await connection.end();
    }
  }, 30_000);

  it("leave no lock behind", async () => {
    const { name, backend } = await databases.open();
    const [locks] = await pool.query(
      "select is_free_lock(concat('tasks_migrate_', md5(?))) as is_free",
      [name],
    );
    expect(locks).toEqual([{ is_free: 1 }]);
    await backend.close();
  });

  it("are never run by themselves; check() and errors say what to run", async () => {
    const { url } = await databases.create();
    await using backend = new DatabaseBackend({ url });
    await withBackends({ default: backend }, async () => {
      await expect(greet.enqueue("Ada")).rejects.toMatchObject({
        code: "TASKS_BACKEND_UNAVAILABLE",
        message: expect.stringContaining("tasks migrate") as string,
      });
    });
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E001" }]);
  });

  it("can be printed and applied by hand", async () => {
    const { url } = await databases.create();
    const connection = await createConnection({ uri: url, multipleStatements: true });
    await connection.query(migrations.sql("mysql", { tablePrefix: "Mixed_" }));
    await using backend = new DatabaseBackend({ url, tablePrefix: "Mixed_" });
    expect(await backend.check()).toEqual([]);
    expect(await backend.migrate()).toEqual([]);
    await connection.query(migrations.sql("mysql", { tablePrefix: "Mixed_", direction: "down" }));
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E001" }]);
    await connection.end();
  });
});

describe("a worker's role", () => {
  it("needs to read and write the rows of three tables, and to read the version", async () => {
    const { name, url, backend } = await databases.open();
    const user = `w_${createId().slice(-12)}`;
    await pool.query(`create user ${user}@'%' identified by 'secret'`);
    onTestFinished(async () => void (await pool.query(`drop user ${user}@'%'`)));
    for (const table of ["tasks_results", "tasks_workers", "tasks_unique_keys"]) {
      await pool.query(`grant select, insert, update, delete on ${name}.${table} to ${user}@'%'`);
    }
    for (const table of ["tasks_paused_queues", "tasks_migrations"]) {
      await pool.query(`grant select on ${name}.${table} to ${user}@'%'`);
    }
    const restricted = new URL(url);
    restricted.username = user;
    restricted.password = "secret";
    await using limited = new DatabaseBackend({ url: restricted.href, poolSize: 2 });
    await withBackends({ default: limited }, async () => {
      expect(await limited.check()).toEqual([]);
      const results = await greet.enqueueMany([["Ada"], ["Grace"]]);
      const unique = await once.enqueue("x");
      const worker = await limited.createWorker({ batch: true });
      await worker.run();
      for (const result of [...results, unique]) await result.refresh();
      expect(results[0]!.returnValue).toBe("Hello, Ada!");
      expect(await limited.prune({ minAgeMs: 0 })).toBe(3);
      expect(await limited.migrate()).toEqual([]);
      await expect(limited.migrate({ to: 0 })).rejects.toThrow("DROP command denied");
    });
    await backend.close();
  });
});

describe("a connection of the user's", () => {
  it("may be a pool of mysql2, with its leases renewed by a thread", async () => {
    const { name, url } = await databases.create();
    const own = createPool({ database: name });
    const callbacks = createCallbackPool(url);
    onTestFinished(() => callbacks.promise().end());
    for (const database of [own, callbacks]) {
      const backend = new DatabaseBackend({ database, heartbeat: "thread" });
      await backend.migrate();
      await withBackends({ default: backend }, async () => {
        const results = await greet.enqueueMany([["Ada"], ["Grace"]]);
        const worker = await backend.createWorker({ batch: true });
        await worker.run();
        for (const result of results) await result.refresh();
        expect(results[1]!.returnValue).toBe("Hello, Grace!");
      });
      await backend.close();
      // It stays the user's.
      await expect(own.query("select 1")).resolves.toBeDefined();
    }
  });

  it("may be a Kysely, past plugins that rename columns, and carries its transactions", async () => {
    const { url } = await databases.create();
    const callbacks = createCallbackPool(url);
    const kysely = new Kysely<unknown>({
      dialect: new MysqlDialect({ pool: callbacks }),
      plugins: [new CamelCasePlugin()],
    });
    const backend = new DatabaseBackend({ kysely, heartbeat: "timer" });
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      const result = await kysely
        .transaction()
        .execute((transaction) => greet.using({ transaction }).enqueue("Ada"));
      const failing = kysely.transaction().execute(async (transaction) => {
        await greet.using({ transaction }).enqueueMany([["b"], ["c"]]);
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      await result.refresh();
      expect(result.returnValue).toBe("Hello, Ada!");
      expect(await backend.counts()).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: 1, FAILED: 0 });
    });
    await kysely.destroy();
  });
});

describe("addresses", () => {
  it("never show their password", async () => {
    const secret = "hunter2";
    await using backend = new DatabaseBackend({
      url: `mysql://ada:${secret}@127.0.0.1:1/nowhere`,
    });
    const error: unknown = await backend.readRecord("x").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    expect(String(error)).toContain("127.0.0.1:1/nowhere");
    expect(String(error)).not.toContain(secret);
    for (const url of [`mysql://ada:${secret}@[bad/x`, `mariadb://ada:${secret}@host`]) {
      expect(() => new DatabaseBackend({ url })).toThrow(
        expect.not.stringContaining(secret) as Error,
      );
    }
  });
});
