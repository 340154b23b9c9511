import { DatabaseSync } from "node:sqlite";

import { createId, InvalidOption } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { createConnection } from "mysql2/promise";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import type { Connection } from "../src/connection.ts";
import { SqliteConnection } from "../src/connections/sqlite-connection.ts";
import { toSqliteHandle } from "../src/connections/sqlite-handle.ts";
import { SqliteDialect } from "../src/dialects/sqlite.ts";
import { migrateSchema, planMigration, readSchemaVersion } from "../src/migrations.ts";
import { runSteps } from "../src/steps.ts";
import { tableNames } from "../src/tables.ts";
import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const folder = createFolder();
const pool = createPool(2);
const schema = `t_${createId()}`;
const databases = createDatabases(createMariadbPool());
afterAll(() => pool.query(`drop schema if exists ${schema} cascade`));

const DATABASES = {
  SQLite: () => {
    const path = folder.path(`${createId()}.db`);
    return {
      backend: new DatabaseBackend({ url: `sqlite:${path}` }),
      run: async (sql: string) => {
        const database = new DatabaseSync(path);
        database.exec(sql);
        database.close();
      },
    };
  },
  PostgreSQL: () => ({
    backend: new DatabaseBackend({ url: postgresUrl(), schema, poolSize: 2 }),
    run: (sql: string) => pool.query(sql),
  }),
  MariaDB: async () => {
    const { url } = await databases.create();
    return {
      backend: new DatabaseBackend({ url, poolSize: 2 }),
      run: async (sql: string) => {
        const connection = await createConnection({ uri: url, multipleStatements: true });
        await connection.query(sql);
        await connection.end();
      },
    };
  },
} as const;

describe.each(Object.entries(DATABASES))("the plan of a migration on %s", (_name, open) => {
  it("is what is missing now, changes nothing, and can be run by hand", async () => {
    const { backend, run } = await open();
    onTestFinished(() => backend.close());
    const plan = await backend.planMigration();
    expect(plan.map(({ step }) => step)).toEqual(["1 initial"]);
    expect(await backend.planMigration()).toEqual(plan);
    await run(plan.map(({ sql }) => sql).join(""));
    expect(await backend.planMigration()).toEqual([]);
    expect(await backend.check()).toEqual([]);
    const down = await backend.planMigration({ to: 0 });
    expect(down.map(({ step }) => step)).toEqual(["1 initial"]);
    await run(down.map(({ sql }) => sql).join(""));
    expect(await backend.planMigration()).toEqual(plan);
    expect(await backend.migrate()).toEqual(["1 initial"]);
    await expect(backend.planMigration({ to: 99 })).rejects.toThrow(InvalidOption);
  });
});

describe("a history of several steps", () => {
  const tables = tableNames();

  /** As this package's history will look after its next versions. */
  class LaterDialect extends SqliteDialect {
    override migrations(): ReturnType<SqliteDialect["migrations"]> {
      const step = (version: number, name: string): (typeof first)[number] => ({
        version,
        name,
        up: [`create table later_${version} (n integer)`],
        down: [`drop table later_${version}`],
      });
      const first = super.migrations(tables);
      return [...first, step(2, "second"), step(3, "third")];
    }
  }
  const dialect = new LaterDialect();

  function connect(): { readonly handle: DatabaseSync; readonly connection: Connection } {
    const handle = new DatabaseSync(":memory:");
    const options = { where: "memory", busyLimitMs: 0, owned: true };
    return { handle, connection: new SqliteConnection(toSqliteHandle(handle)!, options) };
  }

  it("is planned from the version the schema is at, in both directions", async () => {
    const { handle, connection } = connect();
    const stepsTo = async (to?: number): Promise<string[]> =>
      (await planMigration(connection, dialect, tables, { to })).map(({ step }) => step);
    expect(await stepsTo()).toEqual(["1 initial", "2 second", "3 third"]);
    await migrateSchema(connection, dialect, tables, { to: 2 });
    expect(await stepsTo()).toEqual(["3 third"]);
    expect(await stepsTo(1)).toEqual(["2 second"]);
    expect(await stepsTo(0)).toEqual(["2 second", "1 initial"]);
    handle.close();
  });

  it("goes the same way by hand as by itself", async () => {
    const byHand = connect();
    const byItself = connect();
    const tablesOf = ({ handle }: typeof byHand): unknown[] =>
      handle.prepare("select name, sql from sqlite_schema order by name").all();
    for (const to of [2, 3, 1, 3, 0]) {
      for (const { sql } of await planMigration(byHand.connection, dialect, tables, { to })) {
        byHand.handle.exec(sql);
      }
      await migrateSchema(byItself.connection, dialect, tables, { to });
      const version = await runSteps(readSchemaVersion(byHand.connection, dialect, tables));
      expect(version).toBe(to);
      expect(tablesOf(byHand)).toEqual(tablesOf(byItself));
    }
    byHand.handle.close();
    byItself.handle.close();
  });
});
