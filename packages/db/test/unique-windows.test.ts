import { setTimeout as sleep } from "node:timers/promises";

import { createId, task, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const WINDOW_MS = 1000;
/** Longer than the window. */
const WAIT_MS = 1500;

const once = task(
  {
    name: "windows.once",
    unique: { scope: { windowMs: WINDOW_MS }, onConflict: "return-existing" },
  },
  () => null,
);

/** A transaction of the test's own. */
interface Transaction {
  readonly transaction: unknown;
  end(how: "commit" | "rollback"): Promise<void>;
}

interface Place {
  readonly backend: DatabaseBackend;
  readonly begin: () => Promise<Transaction>;
}

const folder = createFolder();
const pool = createPool(3);
const schema = `t_${createId()}`;
const mariadb = createMariadbPool();
const databases = createDatabases(mariadb);
afterAll(() => pool.query(`drop schema if exists ${schema} cascade`));

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  SQLite: async () => {
    const path = folder.path("windows.db");
    const open = (): Kysely<unknown> => {
      const database = new BetterSqlite(path, { timeout: 1 });
      database.pragma("journal_mode = wal");
      return new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    };
    const backend = new DatabaseBackend({ kysely: open() });
    await backend.migrate();
    return {
      backend,
      begin: async () => {
        const transaction = await open().startTransaction().execute();
        return { transaction, end: (how) => transaction[how]().execute() };
      },
    };
  },
  PostgreSQL: async () => {
    const backend = new DatabaseBackend({ url: postgresUrl(), schema, poolSize: 2 });
    await backend.migrate();
    return {
      backend,
      begin: async () => {
        const client = await pool.connect();
        await client.query("begin");
        const end = async (how: string): Promise<void> => {
          await client.query(how);
          client.release();
        };
        return { transaction: client, end };
      },
    };
  },
  MariaDB: async () => {
    const { backend, name } = await databases.open();
    return {
      backend,
      begin: async () => {
        const connection = await mariadb.getConnection();
        await connection.query(`use ${name}`);
        await connection.beginTransaction();
        const end = async (how: "commit" | "rollback"): Promise<void> => {
          await connection[how]();
          connection.release();
        };
        return { transaction: connection, end };
      },
    };
  },
};

describe.each(Object.entries(PLACES))("the window of a unique key on %s", (_name, open) => {
  it("begins when the key was taken, however long the enqueue waited for it", async () => {
    const { backend, begin } = await open();
    onTestFinished(() => backend.close());
    await withBackends({ default: backend }, async () => {
      const first = await begin();
      await once.using({ transaction: first.transaction }).enqueue();
      const second = await begin();
      const waiting = once.using({ transaction: second.transaction }).enqueue();
      await sleep(WAIT_MS);
      await first.end("rollback");
      const { id } = await waiting;
      await second.end("commit");
      expect(await once.enqueue()).toMatchObject({ id, deduplicated: true });
      await sleep(WINDOW_MS);
      expect(await once.enqueue()).toMatchObject({ deduplicated: false });
    });
  }, 20_000);
});
