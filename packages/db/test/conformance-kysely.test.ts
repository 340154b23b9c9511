import { testBackend } from "@tasks/conformance/vitest";
import BetterSqlite from "better-sqlite3";
import { Kysely, SqliteDialect, type Transaction } from "kysely";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";

const folder = createFolder();
const kyselys = new WeakMap<object, Kysely<unknown>>();

testBackend({
  name: "@tasks/db, SQLite by Kysely on better-sqlite3",
  parallel: 10,
  createBackend: async ({ namespace, ...options }) => {
    const database = new BetterSqlite(folder.path(`${namespace}.db`), { timeout: 10 });
    database.pragma("journal_mode = wal");
    const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    const backend = await openBackend({ kysely, heartbeat: "timer", ...options });
    kyselys.set(backend, kysely);
    return backend;
  },
  withTransaction: (backend, run) =>
    kyselys
      .get(backend)!
      .transaction()
      .execute((transaction: Transaction<unknown>) => run(transaction)),
});
