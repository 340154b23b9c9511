import { DatabaseSync } from "node:sqlite";

import { testBackend } from "@tasks/conformance/vitest";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { Kysely, SqliteDialect, type Transaction } from "kysely";
import Libsql from "libsql";

import { createFolder } from "./support/folder.ts";

const folder = createFolder();

/** Opened once per namespace: backends of one namespace share a store, and transactions of the caller need a connection of their own. */
function once<T>(open: (path: string) => T): (namespace: string) => T {
  const opened = new Map<string, T>();
  return (namespace) => {
    const known = opened.get(namespace) ?? open(folder.path(`${namespace}.db`));
    opened.set(namespace, known);
    return known;
  };
}

async function migrated(options: DatabaseBackendOptions): Promise<DatabaseBackend> {
  const backend = new DatabaseBackend(options);
  await backend.migrate();
  return backend;
}

/** `begin` … `commit` on a handle, as a caller would by hand. */
async function inTransaction<T>(
  handle: { exec(sql: string): unknown },
  run: (transaction: unknown) => Promise<T>,
): Promise<T> {
  handle.exec("begin immediate");
  try {
    const result = await run(handle);
    handle.exec("commit");
    return result;
  } catch (error) {
    handle.exec("rollback");
    throw error;
  }
}

const namespaces = new WeakMap<object, string>();

const callers = once((path) => new DatabaseSync(path));
testBackend({
  name: "@tasks/db SQLite by url",
  parallel: 8,
  createBackend: async ({ namespace, ...options }) => {
    const url = `sqlite:${folder.path(`url_${namespace}.db`)}`;
    const backend = await migrated({ url, tablePrefix: `${namespace}_`, ...options });
    namespaces.set(backend, namespace);
    return backend;
  },
  withTransaction: (backend, run) => inTransaction(callers(`url_${namespaces.get(backend)}`), run),
});

const kyselys = once(
  (path) =>
    new Kysely<unknown>({ dialect: new SqliteDialect({ database: new BetterSqlite(path) }) }),
);
testBackend({
  name: "@tasks/db SQLite by Kysely and better-sqlite3",
  parallel: 8,
  createBackend: async ({ namespace, ...options }) => {
    const backend = await migrated({ kysely: kyselys(`kysely_${namespace}`), ...options });
    namespaces.set(backend, namespace);
    return backend;
  },
  withTransaction: (backend, run) =>
    kyselys(`kysely_${namespaces.get(backend)}`)
      .transaction()
      .execute((transaction: Transaction<unknown>) => run(transaction)),
});

const libsqls = once((path) => new Libsql(path));
testBackend({
  name: "@tasks/db SQLite by libsql",
  parallel: 8,
  createBackend: async ({ namespace, ...options }) => {
    const backend = await migrated({ database: libsqls(`libsql_${namespace}`), ...options });
    namespaces.set(backend, namespace);
    return backend;
  },
  withTransaction: (backend, run) =>
    inTransaction(libsqls(`libsql_${namespaces.get(backend)}`), run),
});
