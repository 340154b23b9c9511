import { createId, taskLog } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";
import { start, type BackendCall } from "./support/processes.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const pool = createPool(1);
const databases = createDatabases(createMariadbPool());

const DATABASES: Readonly<Record<string, () => Promise<string>>> = {
  SQLite: async () => `sqlite:${folder.path(`${createId()}.db`)}`,
  PostgreSQL: async () => {
    const schema = `t_${createId()}`;
    await pool.query(`create schema ${schema}`);
    const url = new URL(postgresUrl());
    url.searchParams.set("options", `-c search_path=${schema}`);
    return url.href;
  },
  MariaDB: async () => (await databases.create()).url,
};

/** Orders of calls. The first of each meets a database without tables. */
const ORDERS: readonly (readonly BackendCall[])[] = [
  ["check", "migrate", "enqueue", "work", "down", "migrate", "counts"],
  ["enqueue", "plan", "migrate", "migrate", "counts", "down", "check"],
  ["migrate"],
  ["counts"],
];

describe.each(Object.entries(DATABASES))(
  "a process with nothing but a backend on %s",
  (_, open) => {
    it.each(ORDERS.map((calls) => ({ calls })))(
      "lives until every call has an answer: $calls",
      async ({ calls }) => {
        const child = start({ job: "calls", url: await open(), calls });
        expect(await child.next()).toBe("closed");
        expect(await child.ended).toBe(0);
      },
      60_000,
    );
  },
);
