import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool as createMysqlPool } from "mysql2";
import { createConnection } from "mysql2/promise";
import { Pool } from "pg";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { LEASE_MS, expectAllToWork } from "./support/expect-all-to-work.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);

const greet = task({ name: "location.greet" }, (name: string) => `Hello, ${name}!`);
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

describe("tables of a search_path", () => {
  const admin = createPool(3);
  const schemas: string[] = [];
  const roles: string[] = [];
  afterAll(async () => {
    for (const schema of schemas) await admin.query(`drop schema ${quoted(schema)} cascade`);
    for (const role of roles) await admin.query(`drop role "${role}"`);
  });
  const newSchema = async (name = `t_${createId()}`): Promise<string> => {
    await admin.query(`create schema ${quoted(name)}`);
    schemas.push(name);
    return name;
  };
  const openPool = (options: object): Pool => {
    const pool = new Pool({ connectionString: postgresUrl(), max: 4, ...options });
    onTestFinished(() => pool.end());
    return pool;
  };
  const withOptions = (schema: string): string => {
    const url = new URL(postgresUrl());
    url.searchParams.set("options", `-c search_path="${schema}",public`);
    return url.href;
  };
  const withSet = (schema: string): Pool => {
    const pool = openPool({});
    pool.on("connect", (client) => {
      void client.query(`set search_path = "${schema}", public`);
    });
    return pool;
  };

  const WAYS: Readonly<
    Record<string, (schema: string) => Promise<DatabaseBackendOptions> | DatabaseBackendOptions>
  > = {
    "options of the url": (schema) => ({ url: withOptions(schema) }),
    "options of a pool": (schema) => ({
      database: openPool({ options: `-c search_path="${schema}",public` }),
    }),
    "a statement on connecting": (schema) => ({ database: withSet(schema) }),
    "a statement on connecting, through Kysely": (schema) => ({
      kysely: new Kysely<unknown>({ dialect: new PostgresDialect({ pool: withSet(schema) }) }),
      leaseMs: 15_000,
      heartbeat: "timer",
    }),
    "the role": async (schema) => {
      const role = `t_${createId()}`;
      roles.push(role);
      await admin.query(`create role ${role} login superuser`);
      await admin.query(`alter role ${role} set search_path = "${schema}", public`);
      const url = new URL(postgresUrl());
      url.username = role;
      return { url: url.href };
    },
  };

  it.each(Object.entries(WAYS))(
    "are found once, and used by every connection: %s",
    async (_name, open) => {
      const tablePrefix = `l${createId().slice(-8)}_`;
      // The same tables in public, which connections without the setting would use.
      await using bystander = new DatabaseBackend({ url: postgresUrl(), tablePrefix });
      await bystander.migrate();
      const schema = await newSchema();
      await using backend = new DatabaseBackend({
        tablePrefix,
        leaseMs: LEASE_MS,
        ...(await open(schema)),
      });
      // The tables in public are visible: new ones are made by the schema's name.
      await using owner = new DatabaseBackend({ url: postgresUrl(), tablePrefix, schema });
      await owner.migrate();
      await expectAllToWork(backend);
      const { rows } = await admin.query(
        `select (select count(*) from public.${tablePrefix}workers) + (select nextval('public.${tablePrefix}results_seq')) as traces`,
      );
      expect(rows).toEqual([{ traces: "1" }]);
      await bystander.migrate({ to: 0 });
    },
    60_000,
  );

  it("are in a schema whatever it is called", async () => {
    const schema = await newSchema(`a "b".c'd\\e ü ${createId()}`);
    const pool = openPool({});
    pool.on("connect", (client) => {
      void client.query(`set search_path = ${quoted(schema)}`);
    });
    await using backend = new DatabaseBackend({ database: pool, leaseMs: LEASE_MS });
    await backend.migrate();
    await expectAllToWork(backend);
    expect(await backend.migrate({ to: 0 })).toEqual(["1 initial"]);
  }, 60_000);

  it("are those of the backend in a transaction with another search_path, too", async () => {
    const schema = await newSchema();
    await using backend = new DatabaseBackend({ url: postgresUrl(), schema });
    await backend.migrate();
    const client = await admin.connect();
    await withBackends({ default: backend }, async () => {
      await client.query("begin");
      await client.query("set local search_path = pg_catalog");
      await greet.using({ transaction: client }).enqueue("Ada");
      await greet.using({ transaction: client }).enqueueMany([["Grace"], ["Edsger"]]);
      await client.query("commit");
      expect(await backend.counts()).toMatchObject({ READY: 3 });
    });
    client.release();
  });

  it("are looked for again while they are not there", async () => {
    const [front, back] = [await newSchema(), await newSchema()];
    const database = openPool({ options: `-c search_path=${front},${back}` });
    await using backend = new DatabaseBackend({ database });
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E001" }]);
    await using owner = new DatabaseBackend({ url: postgresUrl(), schema: back });
    await owner.migrate();
    expect(await backend.check()).toEqual([]);
  });

  it("are not temporary ones, even where those come first", async () => {
    const schema = await newSchema();
    const database = openPool({ options: `-c search_path=pg_temp,${schema}` });
    database.on("connect", (client) => {
      void client.query("create temp table tasks_migrations (version integer)");
    });
    await using backend = new DatabaseBackend({ database });
    expect(await backend.migrate()).toEqual(["1 initial"]);
    expect(await backend.check()).toEqual([]);
    await using other = new DatabaseBackend({ url: postgresUrl(), schema });
    expect(await other.check()).toEqual([]);
  });

  it("have no place where the search_path names no schema", async () => {
    const database = openPool({ options: "-c search_path=no_such_schema" });
    await using backend = new DatabaseBackend({ database });
    await expect(backend.migrate()).rejects.toMatchObject({
      code: "TASKS_INVALID_BACKEND",
      message: expect.stringContaining("names no schema that exists") as string,
    });
    expect(await backend.check()).toMatchObject([{ level: "error" }]);
  });
});

describe("tables of a database of MariaDB", () => {
  const databases = createDatabases(createMariadbPool());

  it.each(["pool", "Kysely"])(
    "stay the same when a session of the %s uses another",
    async (kind) => {
      const [mine, other] = [await databases.create(), await databases.create()];
      const pool = createMysqlPool({ uri: mine.url, connectionLimit: 2 });
      onTestFinished(() => new Promise<void>((resolve) => pool.end(() => resolve())));
      await using backend = new DatabaseBackend(
        kind === "pool"
          ? { database: pool, leaseMs: LEASE_MS }
          : {
              kysely: new Kysely<unknown>({ dialect: new MysqlDialect({ pool }) }),
              heartbeat: "timer",
            },
      );
      await backend.migrate();
      await using elsewhere = new DatabaseBackend({ url: other.url });
      await elsewhere.migrate();
      for (let session = 0; session < 2; session++) await pool.promise().query(`use ${other.name}`);
      await expectAllToWork(backend);
      expect(await elsewhere.counts()).toMatchObject({ READY: 0, SUCCESSFUL: 0 });
    },
    60_000,
  );

  it("are those of the backend in a transaction that uses another", async () => {
    const { backend } = await databases.open();
    const other = await databases.open();
    const connection = await createConnection(other.url);
    await withBackends({ default: backend }, async () => {
      await connection.beginTransaction();
      await greet.using({ transaction: connection }).enqueueMany([["Ada"], ["Grace"]]);
      await connection.rollback();
      expect(await backend.counts()).toMatchObject({ READY: 0 });
      await connection.beginTransaction();
      await greet.using({ transaction: connection }).enqueueMany([["Ada"], ["Grace"]]);
      await connection.commit();
    });
    expect(await backend.counts()).toMatchObject({ READY: 2 });
    expect(await other.backend.counts()).toMatchObject({ READY: 0 });
    await connection.end();
    await backend.close();
    await other.backend.close();
  });
});
