import { resolve } from "node:path";

import { InvalidOption, NotSupported } from "@tasks/core";
import type { Kysely } from "kysely";

import { isKysely } from "./caller-transaction.ts";
import type { Connection, Executor } from "./connection.ts";
import { DEFAULT_BUSY_LIMIT_MS } from "./connections/busy.ts";
import { KyselyConnection } from "./connections/kysely-connection.ts";
import { isMysqlPool, type MysqlPool } from "./connections/mysql-client.ts";
import { openNodeSqlite } from "./connections/open-node-sqlite.ts";
import { isPgPool, type PgPool } from "./connections/pg-client.ts";
import { SqliteConnection } from "./connections/sqlite-connection.ts";
import { assertNotOpenElsewhere, SqliteFile } from "./connections/sqlite-file.ts";
import {
  toSqliteHandle,
  type SqliteDatabase,
  type SqliteHandle,
} from "./connections/sqlite-handle.ts";
import type { Dialect } from "./dialect.ts";
import { readSqliteIdentity, SqliteDialect } from "./dialects/sqlite.ts";
import { heartbeatOf } from "./heartbeat.ts";
import { fromMysqlKysely, fromMysqlPool, fromMysqlUrl } from "./open-mysql.ts";
import { fromPostgresKysely, fromPostgresPool, fromPostgresUrl } from "./open-postgres.ts";

/** Where a backend keeps its tables: exactly one of the three. */
export interface DatabaseSource {
  /**
   * `sqlite:./tasks.db`, `sqlite:///absolute/path.db` or `sqlite::memory:`, opened with
   * `node:sqlite`; `postgres://user:password@host:5432/database`, opened with `pg`;
   * `mysql://user:password@host:3306/database` or `mariadb://…`, opened with `mysql2`. Opened on
   * first use, closed with the backend. The parameters `schema`, `pgbouncer=true` and
   * `connection_limit` of a PostgreSQL url stand for the options `schema`, `pooler` and `poolSize`.
   */
  readonly url?: string | undefined;
  /** Your Kysely instance with `SqliteDialect`, `PostgresDialect`, `PGliteDialect` or `MysqlDialect`. It stays yours to destroy. */
  // oxlint-disable-next-line typescript/no-explicit-any -- any database type is welcome, and Kysely is invariant in it
  readonly kysely?: Kysely<any> | undefined;
  /** Your connection of `node:sqlite`, better-sqlite3 or libsql, or your pool of `pg` or `mysql2`. It stays yours to close. */
  readonly database?: SqliteDatabase | PgPool | MysqlPool | undefined;
}

/** How connections behave. */
export interface ConnectionOptions {
  /** SQLite's `synchronous` of connections opened by `url`: `full` survives a power cut without losing the last commits. @default "normal" */
  readonly synchronous?: "normal" | "full" | undefined;
  /** Connections of a pool opened by `url` on PostgreSQL or MySQL, 1…1000. One more listens on PostgreSQL, and each worker's lease has one. @default 10 */
  readonly poolSize?: number | undefined;
  /**
   * The `url` leads to a pooler that hands out another connection for each transaction, such as PgBouncer in transaction mode: no settings, named
   * statements or notifications are used, which such poolers mix up. @default false
   */
  readonly pooler?: boolean | undefined;
  /** How long a locked database is tried again before `BackendUnavailable`, in milliseconds; the event loop stays free. @default 60000 */
  readonly busyLimitMs?: number | undefined;
  /**
   * How long a server may take to answer a statement, in milliseconds, 100…3,600,000. Then its connection is given up, on PostgreSQL the statement is
   * cancelled where it still runs, and the call is `BackendUnavailable`. Migrations may take longer. For `url`, and for a `database` of `pg` or `mysql2`.
   * @default 15000
   */
  readonly answerLimitMs?: number | undefined;
  /**
   * What renews the leases of workers: a thread with a connection of its own, which no busy event loop delays, or a timer. A thread needs `url`, or a
   * `database` of `node:sqlite`, `pg` or `mysql2`. @default "thread" where possible, else "timer" and a warning by `check()`
   */
  readonly heartbeat?: "thread" | "timer" | undefined;
}

/** A database that is ready to be connected to. */
export interface Database {
  readonly dialect: Dialect;
  /** Connects. Called again after a failure. */
  connect(): Promise<Connection>;
  /** Schema migrations are applied on first use. */
  readonly migratesItself: boolean;
  /** Where lease threads connect to: a file's path, or the settings of a client; `null` when leases are renewed by a timer. */
  readonly leaseSource: string | object | null;
  /** Stands for the user's connection, see `connectionKey`; `null` when the connection is the backend's own. */
  readonly key: object | null;
  /** Leases are renewed by a timer, and nobody asked for that. */
  readonly isTimedUnasked: boolean;
  /** How long a busy database is tried again, in milliseconds. */
  readonly busyLimitMs: number;
}

/**
 * Resolves the source of a backend's data. Connects to nothing yet.
 *
 * @throws InvalidOption when not exactly one source is given, or it is of an unknown kind; NotSupported for databases without a dialect.
 */
export function openDatabase(source: DatabaseSource, options: ConnectionOptions): Database {
  const { url, kysely, database } = source;
  const given = [url, kysely, database].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new InvalidOption(
      `DatabaseBackend takes exactly one of url, kysely and database; ${given.length} are given.`,
    );
  }
  if (url !== undefined) return fromUrl(url, options);
  if (database !== undefined) return fromHandle(database, options);
  return fromKysely(kysely, options);
}

function fromUrl(url: string, options: ConnectionOptions): Database {
  if (/^postgres(?:ql)?:/i.test(url)) return fromPostgresUrl(url, options);
  if (/^(?:mysql|mariadb):/i.test(url)) return fromMysqlUrl(url, options);
  const path = sqlitePath(url);
  const { synchronous = "normal", busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  if (synchronous !== "normal" && synchronous !== "full") {
    throw new InvalidOption(
      `synchronous must be "normal" or "full", not ${JSON.stringify(synchronous)}.`,
    );
  }
  return {
    dialect: new SqliteDialect(),
    connect: async () => {
      const where = `SQLite database ${path}`;
      if (path !== MEMORY) assertNotOpenElsewhere(path);
      const handle = await openNodeSqlite(path, { where, synchronous, busyLimitMs });
      try {
        const options = { where, busyLimitMs, owned: true };
        const file = await fileOf(new SqliteConnection(handle, options), () => handle.isOpen());
        return new SqliteConnection(handle, { ...options, file });
      } catch (error) {
        handle.close();
        throw error;
      }
    },
    migratesItself: true,
    // A database in memory dies with its process.
    ...heartbeatOf(options, path === MEMORY ? null : resolve(path), path === MEMORY),
    key: null,
    busyLimitMs,
  };
}

const MEMORY = ":memory:";

function sqlitePath(url: string): string {
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  switch (scheme?.toLowerCase()) {
    case "sqlite": {
      const path = rest.startsWith("///") ? rest.slice(2) : rest;
      // A parameter would become part of the name, and SQLite reads what begins with file: as an address of its own.
      if (/\?|^file:/i.test(path)) {
        throw new InvalidOption(
          "A SQLite url takes a path, without parameters and without file:. Open the file yourself for other settings: new DatabaseBackend({ database }).",
        );
      }
      if (path !== "" && !path.startsWith("//")) return path;
      throw new InvalidOption(
        "A SQLite url is sqlite:./relative/path.db, sqlite:///absolute/path.db or sqlite::memory:.",
      );
    }
    default:
      // The text may hold a password; its scheme does not.
      throw new InvalidOption(
        `DatabaseBackend does not know urls of the kind '${scheme ?? "(no scheme)"}'. Use sqlite:./tasks.db, postgres://host/database or mysql://host/database.`,
      );
  }
}

function fromHandle(
  database: SqliteDatabase | PgPool | MysqlPool,
  options: ConnectionOptions,
): Database {
  if (isPgPool(database)) return fromPostgresPool(database, options);
  if (isMysqlPool(database)) return fromMysqlPool(database, options);
  const handle = toSqliteHandle(database);
  if (handle === undefined) {
    throw new InvalidOption(
      "database must be a DatabaseSync of node:sqlite, a Database of better-sqlite3 or libsql, or a pool of pg or mysql2.",
    );
  }
  const where = `SQLite database (${handle.library})`;
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  return {
    dialect: new SqliteDialect(),
    connect: async () => {
      const options = { where, busyLimitMs, owned: false };
      const file = await fileOf(new SqliteConnection(handle, options), () => handle.isOpen());
      return new SqliteConnection(handle, { ...options, file });
    },
    migratesItself: false,
    ...heartbeatOf(options, threadFile(handle), handle.file() === null),
    key: handle,
    busyLimitMs,
  };
}

function fromKysely(kysely: unknown, options: ConnectionOptions): Database {
  if (!isKysely(kysely)) {
    throw new InvalidOption("kysely must be a Kysely instance.");
  }
  const { adapter } = kysely.getExecutor();
  // By name, for an application that holds another copy of Kysely.
  const { name } = adapter.constructor;
  if (name === "PostgresAdapter" || name === "PGliteAdapter") {
    return fromPostgresKysely(kysely, name === "PGliteAdapter", options);
  }
  if (name === "MysqlAdapter") return fromMysqlKysely(kysely, options);
  if (name !== "SqliteAdapter") {
    throw new NotSupported(
      `DatabaseBackend does not support Kysely with ${name} in this version. Use SqliteDialect, PostgresDialect, PGliteDialect or MysqlDialect.`,
    );
  }
  const { busyLimitMs = DEFAULT_BUSY_LIMIT_MS } = options;
  return {
    dialect: new SqliteDialect(),
    connect: async () => {
      const where = "SQLite database (Kysely)";
      const options = { where, busyLimitMs, owned: false };
      const use = { begin: ["begin immediate"] };
      const file = await fileOf(new KyselyConnection(kysely, use, options));
      return new KyselyConnection(kysely, use, { ...options, file });
    },
    migratesItself: false,
    ...heartbeatOf(options, null, false),
    key: adapter,
    busyLimitMs,
  };
}

/** The file a connection is on, by the build of SQLite that opened it; `undefined` when it is in memory. */
async function fileOf(
  executor: Executor,
  isOpen: () => boolean = () => true,
): Promise<SqliteFile | undefined> {
  const { file, library } = await readSqliteIdentity(executor);
  return file === "" ? undefined : new SqliteFile(file, { library, isOpen });
}

/**
 * The file of a handle, if a thread may open it with `node:sqlite`. Only one copy of SQLite may use a file within one process: file locks belong to
 * the process, so two copies do not see each other's and overwrite each other's work.
 */
function threadFile(handle: SqliteHandle): string | null {
  return handle.library === "node:sqlite" ? handle.file() : null;
}
