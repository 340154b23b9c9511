import { testBackend } from "@tasks/conformance/vitest";
import Libsql from "libsql";

import { createFolder } from "./support/folder.ts";
import { inTransaction, openBackend } from "./support/open.ts";

const folder = createFolder();
const databases = new WeakMap<object, Libsql.Database>();

testBackend({
  name: "@tasks/db, SQLite by libsql",
  parallel: 10,
  createBackend: async ({ namespace, ...options }) => {
    const database = new Libsql(folder.path(`${namespace}.db`));
    database.pragma("journal_mode = wal");
    const backend = await openBackend({ database, heartbeat: "timer", ...options });
    databases.set(backend, database);
    return backend;
  },
  withTransaction: (backend, run) => inTransaction(databases.get(backend)!, run),
});
