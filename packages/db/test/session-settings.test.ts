import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool as createMysqlPool, type PoolOptions } from "mysql2";
import { createConnection } from "mysql2/promise";
import { Pool, type PoolConfig } from "pg";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { LEASE_MS, expectAllToWork } from "./support/expect-all-to-work.ts";
import { canStartServers, startMariadb } from "./support/mariadb-server.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const greet = task({ name: "settings.greet" }, (name: string) => `Hello, ${name}!`);
const fits = task(
  { name: "settings.fits", unique: { scope: "until-finished" } },
  (name: string) => name,
);

/** Settings of a server, a role or a session that change what statements do. */
const MYSQL_SETTINGS: Readonly<Record<string, string>> = {
  "no commits": "autocommit = 0",
  "chained transactions": "completion_type = 'CHAIN'",
  "connections that end with their transaction": "completion_type = 'RELEASE'",
  "safe updates and short answers":
    "sql_safe_updates = 1, sql_select_limit = 1, sql_big_selects = 0",
  "modes that are strict": "sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH'",
  "modes of another language":
    "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION'",
  "modes of Oracle": "sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL'",
  "no mode": "sql_mode = ''",
  "serializable transactions": "tx_isolation = 'SERIALIZABLE'",
  "another time zone": "time_zone = '+05:30'",
  "fewer checks": "unique_checks = 0, foreign_key_checks = 0",
};

describe.each(Object.entries(MYSQL_SETTINGS))("a session of MariaDB with %s", (_name, setting) => {
  const databases = createDatabases(createMariadbPool());

  it.each(["pool", "Kysely"])(
    "does what statements say, and stays as it was: a %s",
    async (kind) => {
      const { url } = await databases.create();
      const pool = createMysqlPool({ uri: url, connectionLimit: 3 });
      const changed = setting
        .split(/, (?=\w+ =)/)
        .map((one) => `session ${one}`)
        .join(", ");
      pool.on("connection", (connection) => connection.query(`set ${changed}`));
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
      const names = changed.match(/(?<=session )\w+/g)!.map((name) => `@@${name}`);
      const read = async (): Promise<unknown> =>
        (await pool.promise().query({ sql: `select ${names.join(", ")}`, rowsAsArray: true }))[0];
      const before = await read();
      await expectAllToWork(backend);
      // Another connection sees what was stored, without a commit of the application's.
      await using other = new DatabaseBackend({ url });
      await withBackends({ default: backend }, () => greet.enqueue("Ada"));
      expect(await other.counts()).toMatchObject({ READY: 1 });
      expect(await read()).toEqual(before);
    },
    60_000,
  );
});

describe.skipIf(!canStartServers)("a server of MariaDB with every such setting", () => {
  it("does what statements say, those of lease threads too", async () => {
    await using server = await startMariadb();
    const admin = await createConnection(server.url);
    await admin.query("create database settings character set latin1");
    await admin.query(
      "set global autocommit = 0, global completion_type = 'RELEASE', global sql_safe_updates = 1, global sql_select_limit = 1, global unique_checks = 0",
    );
    await admin.query(
      "set global sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ORACLE', global max_statement_time = 30",
    );
    await admin.query("set global init_connect = 'set names latin1'");
    await admin.end();
    const url = new URL(server.url);
    url.pathname = "/settings";
    await using backend = new DatabaseBackend({ url: url.href, leaseMs: LEASE_MS });
    await backend.migrate();
    await expectAllToWork(backend);
  }, 120_000);
});

describe("an application that turns autocommit off in a session of its pool", () => {
  const databases = createDatabases(createMariadbPool());

  it("loses no task that is enqueued by it afterwards", async () => {
    const { url } = await databases.create();
    const pool = createMysqlPool({ uri: url, connectionLimit: 1 });
    onTestFinished(() => new Promise<void>((resolve) => pool.end(() => resolve())));
    await using backend = new DatabaseBackend({ database: pool, heartbeat: "timer" });
    await backend.migrate();
    await using other = new DatabaseBackend({ url });
    await withBackends({ default: backend }, async () => {
      await greet.enqueue("Ada");
      await pool.promise().query("set autocommit = 0");
      await greet.enqueue("Grace");
      await greet.enqueue("Edsger");
    });
    expect(await other.counts()).toMatchObject({ READY: 3 });
  });
});

const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  "serializable transactions": "default_transaction_isolation = 'serializable'",
  "repeatable reads": "default_transaction_isolation = 'repeatable read'",
  "another time zone and style of dates":
    "timezone = 'Asia/Kolkata'; datestyle = 'SQL, DMY'; intervalstyle = 'sql_standard'",
  "strings of old": "standard_conforming_strings = off; backslash_quote = on",
  "short limits": "lock_timeout = '1s'; idle_in_transaction_session_timeout = '2s'",
  "plans of another kind": "plan_cache_mode = force_custom_plan; jit = on; jit_above_cost = 0",
};

describe.each(Object.entries(POSTGRES_SETTINGS))(
  "a role of PostgreSQL with %s",
  (_name, settings) => {
    const admin = createPool(3);
    const created: string[] = [];
    afterAll(async () => {
      for (const name of created) {
        await admin.query(`drop schema if exists ${name} cascade; drop role ${name}`);
      }
    });

    const SOURCES: Readonly<Record<string, (url: string) => DatabaseBackendOptions>> = {
      url: (url) => ({ url, poolSize: 4 }),
      pool: (url) => {
        const database = new Pool({ connectionString: url, max: 4 });
        onTestFinished(() => database.end());
        return { database };
      },
      Kysely: (url) => {
        const pool = new Pool({ connectionString: url, max: 4 });
        onTestFinished(() => pool.end());
        const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
        return { kysely, heartbeat: "timer", leaseMs: 15_000 };
      },
    };

    it.each(Object.entries(SOURCES))(
      "does what statements say: %s",
      async (_kind, open) => {
        const name = `t_${createId()}`;
        created.push(name);
        await admin.query(`create role ${name} login superuser`);
        for (const setting of settings.split("; "))
          await admin.query(`alter role ${name} set ${setting}`);
        const url = new URL(postgresUrl());
        url.username = name;
        await using backend = new DatabaseBackend({
          schema: name,
          leaseMs: LEASE_MS,
          ...open(url.href),
        });
        await backend.migrate();
        await expectAllToWork(backend);
      },
      60_000,
    );
  },
);

describe("a client with options that change values", () => {
  const admin = createPool(2);
  const databases = createDatabases(createMariadbPool());

  /** How PostgreSQL numbers its types of whole numbers. */
  const INTEGERS = [20, 21, 23];

  const PG_OPTIONS: Readonly<Record<string, PoolConfig>> = {
    "numbers as bigint": {
      types: {
        getTypeParser: (type: number) => (value: string) =>
          INTEGERS.includes(type) ? BigInt(value) : value,
      },
    },
    "everything as text": { types: { getTypeParser: () => (value: string) => value } },
  } as never;

  it.each(Object.entries(PG_OPTIONS))(
    "of pg works: %s",
    async (_name, options) => {
      const schema = `t_${createId()}`;
      const database = new Pool({ connectionString: postgresUrl(), max: 3, ...options });
      onTestFinished(async () => {
        await database.end();
        await admin.query(`drop schema if exists ${schema} cascade`);
      });
      await using backend = new DatabaseBackend({ database, schema, leaseMs: LEASE_MS });
      await backend.migrate();
      await expectAllToWork(backend);
    },
    60_000,
  );

  it.each(
    Object.entries({
      "every number it sees": {
        types: {
          getTypeParser: () => (value: string) => (/^\d+$/.test(value) ? BigInt(value) : value),
        },
      },
      "texts of its own": { types: { getTypeParser: () => () => "x" } },
    }),
  )("of pg is refused: %s", async (_name, options) => {
    const database = new Pool({ connectionString: postgresUrl(), max: 2, ...(options as object) });
    onTestFinished(() => database.end());
    await using backend = new DatabaseBackend({ database, schema: `t_${createId()}` });
    await withBackends({ default: backend }, () =>
      expect(greet.enqueue("Ada")).rejects.toMatchObject({ code: "TASKS_INVALID_BACKEND" }),
    );
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E004" }]);
  });

  const MYSQL_OPTIONS: Readonly<Record<string, PoolOptions>> = {
    "numbers and dates as texts": {
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      decimalNumbers: true,
    },
    "rows of another shape": { rowsAsArray: true, namedPlaceholders: true },
    "rows by table": { nestTables: true },
    "its own types": { typeCast: () => "x" },
    "changed rows counted": { flags: ["-FOUND_ROWS"], timezone: "+05:30" },
  };

  it.each(Object.entries(MYSQL_OPTIONS))(
    "of mysql2 works: %s",
    async (_name, options) => {
      const { url } = await databases.create();
      const database = createMysqlPool({ uri: url, connectionLimit: 3, ...options });
      onTestFinished(() => new Promise<void>((resolve) => database.end(() => resolve())));
      await using backend = new DatabaseBackend({ database, leaseMs: LEASE_MS });
      await backend.migrate();
      await expectAllToWork(backend);
    },
    60_000,
  );

  it("of mysql2 is refused when texts are lost on the way, for the backend and for a transaction", async () => {
    const { url, backend } = await databases.open();
    const pool = createMysqlPool({ uri: url, charset: "latin1_swedish_ci" });
    onTestFinished(() => new Promise<void>((resolve) => pool.end(() => resolve())));
    await using refused = new DatabaseBackend({ database: pool });
    await withBackends({ default: refused }, () =>
      expect(fits.enqueue("Ada")).rejects.toThrow("changes texts"),
    );
    expect(await refused.check()).toMatchObject([{ id: "tasks.db.E004" }]);
    const connection = await pool.promise().getConnection();
    await connection.beginTransaction();
    await withBackends({ default: backend }, () =>
      expect(fits.using({ transaction: connection }).enqueue("Ada")).rejects.toMatchObject({
        code: "TASKS_INVALID_TASK",
        message: expect.stringContaining("changes texts") as string,
      }),
    );
    await connection.rollback();
    connection.release();
    await backend.close();
  });
});
