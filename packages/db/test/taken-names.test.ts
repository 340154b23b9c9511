import { DatabaseSync } from "node:sqlite";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { createConnection } from "mysql2/promise";
import { Client } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const databases = createDatabases(createMariadbPool());
const greet = task({ name: "taken.greet" }, (name: string) => `Hello, ${name}!`);

interface Opened {
  readonly url: string;
  readonly run: (sql: string) => Promise<readonly unknown[]>;
}

const DATABASES: Readonly<Record<string, () => Promise<Opened>>> = {
  SQLite: async () => {
    const path = folder.path(`${createId()}.db`);
    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    return { url: `sqlite:${path}`, run: async (sql) => database.prepare(sql).all() };
  },
  PostgreSQL: async () => {
    const schema = `t_${createId()}`;
    const client = new Client(postgresUrl());
    await client.connect();
    await client.query(`create schema ${schema}; set search_path = ${schema}`);
    onTestFinished(async () => {
      await client.query(`drop schema ${schema} cascade`);
      await client.end();
    });
    const url = new URL(postgresUrl());
    url.searchParams.set("options", `-c search_path=${schema}`);
    return { url: url.href, run: async (sql) => (await client.query(sql)).rows as unknown[] };
  },
  MariaDB: async () => {
    const { url } = await databases.create();
    const connection = await createConnection(url);
    onTestFinished(() => connection.end());
    return { url, run: async (sql) => (await connection.query(sql))[0] as unknown[] };
  },
};

/** What an application may have under the names of our tables. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  tasks_workers: [
    "create table tasks_workers (task_id integer not null, worker_id integer not null)",
    "insert into tasks_workers values (1, 2)",
  ],
  tasks_results: [
    "create table tasks_results (id integer primary key, score integer)",
    "insert into tasks_results values (1, 10)",
  ],
  tasks_migrations: [
    "create table tasks_migrations (id integer primary key, name varchar(100), run_on varchar(100))",
    "insert into tasks_migrations values (1, 'init', 'x')",
  ],
  tasks_paused_queues: ["create view tasks_paused_queues as select 1 as queue_name"],
};

describe.each(Object.entries(DATABASES))("on %s, a name of ours that is taken", (kind, open) => {
  it.each(Object.entries(TAKEN))(
    "stops the migration, and stays as it is: %s",
    async (name, statements) => {
      const { url, run } = await open();
      for (const statement of statements) await run(statement);
      const before = await run(`select * from ${name}`);
      await using backend = new DatabaseBackend({ url });
      const refusal = {
        code: "TASKS_INVALID_BACKEND",
        message: expect.stringMatching(new RegExp(`'${name}'.*tablePrefix`)) as string,
      };
      await expect(backend.migrate()).rejects.toMatchObject(refusal);
      await backend.migrate({ to: 0 }).catch(() => undefined);
      expect(await run(`select * from ${name}`)).toEqual(before);
      expect(await backend.check()).toMatchObject([{ id: "tasks.db.E004" }]);
      await withBackends({ default: backend }, () =>
        expect(greet.enqueue("Ada")).rejects.toBeInstanceOf(Error),
      );
      await using other = new DatabaseBackend({ url, tablePrefix: "jobs_" });
      expect(await other.migrate()).toEqual(["1 initial"]);
      expect(await other.check()).toEqual([]);
    },
    30_000,
  );

  // A SQLite file is migrated by its first call.
  it.runIf(kind !== "SQLite")("is said by a call that meets it", async () => {
    const { url, run } = await open();
    for (const statement of TAKEN["tasks_results"]!) await run(statement);
    await using backend = new DatabaseBackend({ url });
    await withBackends({ default: backend }, () =>
      expect(greet.enqueue("Ada")).rejects.toThrow(/column.* another application .*`tasks check`/),
    );
  });

  it("stops the way down, too", async () => {
    const { url, run } = await open();
    await using backend = new DatabaseBackend({ url });
    await backend.migrate();
    await run("drop table tasks_workers");
    for (const statement of TAKEN["tasks_workers"]!) await run(statement);
    const before = await run("select * from tasks_workers");
    expect(await backend.check()).toMatchObject([
      { id: "tasks.db.E004", text: expect.stringContaining("'tasks_workers'") as string },
    ]);
    await expect(backend.migrate({ to: 0 })).rejects.toMatchObject({
      code: "TASKS_INVALID_BACKEND",
    });
    expect(await run("select * from tasks_workers")).toEqual(before);
  });

  it.runIf(kind !== "MariaDB")("may be that of an index or a sequence", async () => {
    const { url, run } = await open();
    await run("create table mine (id integer)");
    await run("create index tasks_results_ready on mine (id)");
    await using backend = new DatabaseBackend({ url });
    await expect(backend.migrate()).rejects.toMatchObject({
      code: "TASKS_INVALID_BACKEND",
      message: expect.stringContaining("'tasks_results_ready'") as string,
    });
    await run("drop index tasks_results_ready");
    expect(await backend.migrate()).toEqual(["1 initial"]);
  });

  it.runIf(kind === "PostgreSQL")("may be that of a type", async () => {
    const { url, run } = await open();
    await run("create type tasks_workers as enum ('a')");
    await using backend = new DatabaseBackend({ url });
    await expect(backend.migrate()).rejects.toThrow("'tasks_workers'");
    await run("drop type tasks_workers");
    expect(await backend.migrate()).toEqual(["1 initial"]);
  });
});
