import { DatabaseSync } from "node:sqlite";

import { createId, InvalidTask, task, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { sql } from "drizzle-orm";
import { drizzle as drizzleBetterSqlite } from "drizzle-orm/better-sqlite3";
import { drizzle as drizzleProxy } from "drizzle-orm/sqlite-proxy";
import knex from "knex";
import { createPool as createMysqlPool } from "mysql2/promise";
import { Pool } from "pg";
import { afterAll, describe, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { MYSQL_LIBRARIES, POSTGRES_LIBRARIES, type Library } from "./support/libraries.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { openBackend as openSqlite } from "./support/open.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const folder = createFolder();
const pool = createPool(10);
const schemas: string[] = [];
const databases = createDatabases(createMariadbPool());

const greet = task({ name: "libraries.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "libraries.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);
const clock = task({ name: "libraries.clock" }, () => performance.now());

afterAll(async () => {
  for (const schema of schemas) await pool.query(`drop schema if exists ${schema} cascade`);
});

async function openBackend(options: Partial<DatabaseBackendOptions> = {}): Promise<{
  readonly backend: DatabaseBackend;
  readonly schema: string;
}> {
  const schema = `t_${createId()}`;
  schemas.push(schema);
  const backend = new DatabaseBackend({ url: postgresUrl(), poolSize: 4, schema, ...options });
  onTestFinished(() => backend.close());
  await backend.migrate();
  return { backend, schema };
}

/** A library and a backend on the same database, which has a table of users. */
interface Setting {
  readonly library: Library;
  readonly backend: DatabaseBackend;
  readonly emails: () => Promise<string[]>;
}

const SETTINGS: readonly (readonly [string, () => Promise<Setting>])[] = [
  ...Object.entries(POSTGRES_LIBRARIES).map(
    ([name, open]) =>
      [
        `${name} on PostgreSQL`,
        async () => {
          const { backend, schema } = await openBackend();
          await pool.query(`create table ${schema}.users (email text primary key)`);
          const emails = async (): Promise<string[]> =>
            (await pool.query<User>(`select email from ${schema}.users`)).rows.map(toEmail);
          return { backend, library: open(pool, schema), emails };
        },
      ] as const,
  ),
  ...Object.entries(MYSQL_LIBRARIES).map(
    ([name, open]) =>
      [
        `${name} on MariaDB`,
        async () => {
          const { backend, name: database, url } = await databases.open();
          const own = createMysqlPool({ uri: url, connectionLimit: 4 });
          onTestFinished(() => own.end());
          onTestFinished(() => backend.close());
          await own.query("create table users (email varchar(100) primary key)");
          const emails = async (): Promise<string[]> => {
            const [rows] = await own.query(`select email from ${database}.users`);
            return (rows as User[]).map(toEmail);
          };
          return { backend, library: open(own, url), emails };
        },
      ] as const,
  ),
];

interface User {
  readonly email: string;
}

function toEmail({ email }: User): string {
  return email;
}

describe.each(SETTINGS)("a transaction of %s", (_name, setUp) => {
  async function inSetting(
    run: (
      library: Library,
      backend: DatabaseBackend,
      emails: () => Promise<string[]>,
    ) => Promise<void>,
  ): Promise<void> {
    const { library, backend, emails } = await setUp();
    await withBackends({ default: backend }, () => run(library, backend, emails));
  }

  it("commits rows and tasks together, unseen before", async () => {
    await inSetting(async (library, backend, emails) => {
      const result = await library.transaction(async (transaction) => {
        await library.addUser(transaction, "Ada");
        const enqueued = await greet.using({ transaction }).enqueue("Ada");
        expect(enqueued.status).toBe("READY");
        expect(await backend.readRecord(enqueued.id)).toBeUndefined();
        return enqueued;
      });
      expect(await backend.readRecord(result.id)).toMatchObject({ args: ["Ada"] });
      expect(await emails()).toEqual(["Ada"]);
    });
  });

  it("rolls both back together", async () => {
    await inSetting(async (library, backend, emails) => {
      const failing = library.transaction(async (transaction) => {
        await library.addUser(transaction, "Ada");
        await greet.using({ transaction }).enqueue("Ada");
        await greet.using({ transaction }).enqueueMany([["Grace"], ["Edsger"]]);
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      expect(await backend.counts()).toMatchObject({ READY: 0 });
      expect(await emails()).toEqual([]);
    });
  });

  it("drops with a savepoint only what was enqueued since", async () => {
    await inSetting(async (library, backend, emails) => {
      const kept = await library.transaction(async (transaction) => {
        await library.addUser(transaction, "kept");
        const before = await greet.using({ transaction }).enqueue("before");
        const inner = library.savepoint(transaction, async (savepoint) => {
          await library.addUser(savepoint, "dropped");
          await greet.using({ transaction: savepoint }).enqueue("dropped");
          await greet.using({ transaction: savepoint }).enqueueMany([["dropped"], ["dropped"]]);
          throw new Error("half of it");
        });
        await expect(inner).rejects.toThrow("half of it");
        const after = await greet.using({ transaction }).enqueue("after");
        return [before.id, after.id];
      });
      const { results } = await backend.list();
      expect(results.map(({ id }) => id).toSorted()).toEqual(kept.toSorted());
      expect(await emails()).toEqual(["kept"]);
    });
  });

  it("carries batches, due times and unique tasks", async () => {
    await inSetting(async (library, backend) => {
      const runAfter = new Date(Date.now() + 100 * 86_400_000);
      await library.transaction(async (transaction) => {
        const later = await greet.using({ transaction, runAfter }).enqueue('"quoted" $1 ? :name');
        expect(later.runAfter).toEqual(runAfter);
        await greet.using({ transaction, runAfter: { days: 100 } }).enqueue("relative");
        await greet.using({ transaction, priority: -100 }).enqueueMany([["a"], ["b"], ["c"]]);
        const [first, second] = await once.using({ transaction }).enqueueMany([["x"], ["x"]]);
        expect(second).toMatchObject({ id: first!.id, deduplicated: true });
      });
      const { results } = await backend.list();
      expect(results.map(({ args, state }) => [args[0], state]).toReversed()).toEqual([
        ['"quoted" $1 ? :name', "scheduled"],
        ["relative", "scheduled"],
        ["a", "ready"],
        ["b", "ready"],
        ["c", "ready"],
        ["x", "ready"],
      ]);
    });
  });

  it("wakes a waiting worker with its commit", async () => {
    await inSetting(async (library, backend) => {
      const worker = await backend.createWorker({ intervalMs: 60_000 });
      const running = worker.run();
      await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), {
        timeout: 20_000,
      });
      // The first one may come before the worker listens.
      await (await greet.enqueue("warm-up")).wait({ timeoutMs: 8000 });
      const result = await library.transaction((transaction) =>
        clock.using({ transaction }).enqueue(),
      );
      const committedAt = performance.now();
      await result.wait({ timeoutMs: 4000 });
      const delayMs = (result.returnValue as number) - committedAt;
      expect(delayMs).toBeLessThan(1000);
      await worker.stop();
      await running;
    });
  });

  it("is refused when it is the database itself", async () => {
    await inSetting(async ({ outside: transaction }, backend) => {
      const enqueued = greet.using({ transaction }).enqueue("Ada");
      await expect(enqueued).rejects.toBeInstanceOf(InvalidTask);
      await expect(enqueued).rejects.toThrow("Pass the");
      expect(await backend.counts()).toMatchObject({ READY: 0 });
    });
  });
});

describe("a transaction that something goes wrong in", () => {
  it("goes on after a batch that the store refuses, without any of it", async () => {
    let calls = 0;
    const idFunction = (): string => (++calls % 3 === 0 ? "taken" : createId());
    const { backend } = await openBackend({ idFunction });
    const library = POSTGRES_LIBRARIES["pg"]!(pool, "public");
    await withBackends({ default: backend }, async () => {
      const kept = await library.transaction(async (transaction) => {
        const many = greet.using({ transaction });
        await many.enqueueMany([["a"], ["b"], ["c"]]);
        await expect(many.enqueueMany([["d"], ["e"], ["f"]])).rejects.toBeInstanceOf(InvalidTask);
        return many.enqueue("g");
      });
      expect(await backend.readRecord(kept.id)).toBeDefined();
      expect(await backend.counts()).toMatchObject({ READY: 4 });
    });
  });

  it("is told of a unique key that was taken behind its snapshot, by the driver's own error", async () => {
    const { backend } = await openBackend();
    const client = await pool.connect();
    onTestFinished(() => client.release());
    await withBackends({ default: backend }, async () => {
      await client.query("begin isolation level repeatable read");
      await client.query("select 1");
      await once.enqueue("x");
      await expect(once.using({ transaction: client }).enqueue("x")).rejects.toMatchObject({
        code: "TASKS_BACKEND_UNAVAILABLE",
        cause: { code: "40001" },
      });
      await client.query("rollback");
    });
  });
});

describe("a transaction on another database", () => {
  it("is refused, and the task is not stored where no worker looks", async () => {
    const { backend, schema } = await openBackend();
    const other = new URL(postgresUrl());
    other.pathname = `/tasks_${createId()}`;
    await pool.query(`create database "${other.pathname.slice(1)}"`);
    const otherPool = new Pool({ connectionString: other.href });
    onTestFinished(() => otherPool.end());
    const elsewhere = new DatabaseBackend({ database: otherPool, schema });
    await elsewhere.migrate();
    const library = POSTGRES_LIBRARIES["Drizzle"]!(otherPool, schema);
    await withBackends({ default: backend }, async () => {
      const enqueued = library.transaction((transaction) =>
        greet.using({ transaction }).enqueue("Ada"),
      );
      await expect(enqueued).rejects.toThrow("is on another database");
      expect(await elsewhere.counts()).toMatchObject({ READY: 0 });
    });
  });
});

describe("a transaction of Knex on SQLite", () => {
  it("commits and rolls back rows and tasks together, savepoints included", async () => {
    const filename = folder.path("knex.db");
    const handle = new BetterSqlite(filename);
    handle.exec("pragma journal_mode = wal; create table accounts (name text)");
    const backend = await openSqlite({ database: handle });
    const db = knex({ client: "better-sqlite3", connection: { filename }, useNullAsDefault: true });
    onTestFinished(() => db.destroy());
    await withBackends({ default: backend }, async () => {
      await db.transaction(async (transaction) => {
        await transaction("accounts").insert({ name: "Ada" });
        await greet.using({ transaction }).enqueue("Ada");
        const [first, twin] = await once.using({ transaction }).enqueueMany([["x"], ["x"]]);
        expect(twin).toMatchObject({ id: first!.id, deduplicated: true });
        const inner = transaction.transaction(async (savepoint) => {
          await greet.using({ transaction: savepoint }).enqueue("dropped");
          throw new Error("half of it");
        });
        await expect(inner).rejects.toThrow("half of it");
      });
      const failing = db.transaction(async (transaction) => {
        await transaction("accounts").insert({ name: "Grace" });
        await greet.using({ transaction }).enqueueMany([["Grace"], ["Grace"]]);
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      const { results } = await backend.list();
      expect(results.map(({ args }) => args[0])).toEqual(["x", "Ada"]);
      expect(await db("accounts").pluck("name")).toEqual(["Ada"]);
    });
  });
});

describe("Drizzle on SQLite", () => {
  it("shares its connection: a transaction begun on it holds rows and tasks", async () => {
    const db = drizzleBetterSqlite(folder.path("drizzle.db"));
    db.run(sql`create table accounts (name text)`);
    const backend = await openSqlite({ database: db.$client });
    await withBackends({ default: backend }, async () => {
      for (const [name, end] of [
        ["Ada", sql`commit`],
        ["Grace", sql`rollback`],
      ] as const) {
        db.run(sql`begin immediate`);
        db.run(sql`insert into accounts values (${name})`);
        await greet.using({ transaction: db.$client }).enqueue(name);
        db.run(end);
      }
      const { results } = await backend.list();
      expect(results.map(({ args }) => args[0])).toEqual(["Ada"]);
      expect(db.all(sql`select name from accounts`)).toEqual([{ name: "Ada" }]);
    });
  });

  it("is told so when its own transaction is passed", async () => {
    const db = drizzleBetterSqlite(folder.path("drizzle-own.db"));
    const backend = await openSqlite({ database: db.$client });
    await withBackends({ default: backend }, async () => {
      const enqueued = db.transaction((transaction) => ({
        error: greet.using({ transaction }).enqueue("Ada").catch(String),
      }));
      expect(await enqueued.error).toContain("{ transaction: db.$client }");
      expect(await backend.counts()).toMatchObject({ READY: 0 });
    });
  });

  it("takes node:sqlite along through its proxy, whose transactions can be waited in", async () => {
    const handle = new DatabaseSync(folder.path("proxy.db"));
    handle.exec("create table accounts (name text)");
    const backend = await openSqlite({ database: handle });
    const db = drizzleProxy(async (text, params) => ({
      rows: handle.prepare(text).all(...(params as string[])),
    }));
    await withBackends({ default: backend }, async () => {
      await db.transaction(async (tx) => {
        await tx.run(sql`insert into accounts values ('Ada')`);
        await greet.using({ transaction: handle }).enqueue("Ada");
      });
      const failing = db.transaction(async () => {
        await greet.using({ transaction: handle }).enqueue("Grace");
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      const { results } = await backend.list();
      expect(results.map(({ args }) => args[0])).toEqual(["Ada"]);
    });
  });
});
