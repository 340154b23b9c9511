import { DatabaseSync } from "node:sqlite";

import { testBackend } from "@tasks/conformance/vitest";

import { createFolder } from "./support/folder.ts";
import { inTransaction, openBackend } from "./support/open.ts";

const folder = createFolder();
/** The caller's own connection for each backend. */
const connections = new WeakMap<object, DatabaseSync>();

testBackend({
  name: "@tasks/db, SQLite by url",
  parallel: 10,
  createBackend: async ({ namespace, ...options }) => {
    const path = folder.path(`${namespace}.db`);
    const url = `sqlite:${path}`;
    const backend = await openBackend({ url, tablePrefix: `${namespace}_`, ...options });
    connections.set(backend, new DatabaseSync(path));
    return backend;
  },
  withTransaction: (backend, run) => inTransaction(connections.get(backend)!, run),
});
