import type * as NodeSqlite from "node:sqlite";

import { NotSupported } from "@tasks/core";

import { whileBusy } from "./busy.ts";
import { toTasksError } from "./errors.ts";
import { toSqliteHandle, type SqliteHandle } from "./sqlite-handle.ts";

/** Options of an own connection. */
export interface OpenOptions {
  /** How errors call the database. */
  readonly where: string;
  readonly synchronous: "normal" | "full";
  readonly busyLimitMs: number;
}

/** How long SQLite itself waits for a lock, in milliseconds. It blocks the event loop, so it is short; `whileBusy` does the rest. */
const BUSY_TIMEOUT_MS = 1;

/**
 * Page size of a new file, in bytes; one that exists keeps its own. An enqueue writes one page of the table and one of each of two indexes, so that
 * smaller pages than SQLite's 4096 make it cheaper; below 2048, storing many at once gets slower.
 */
const PAGE_SIZE = 2048;

/**
 * Opens a file, or `:memory:`, with the SQLite built into Node.
 *
 * @throws NotSupported when this Node has none; BackendUnavailable.
 */
export async function openNodeSqlite(path: string, options: OpenOptions): Promise<SqliteHandle> {
  const { where, synchronous, busyLimitMs } = options;
  const { DatabaseSync } = loadNodeSqlite();
  try {
    const database = new DatabaseSync(path);
    try {
      database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma page_size = ${PAGE_SIZE}`);
      // Processes that start together on a new file all want to switch it, and until it is switched even reading may have to wait.
      await whileBusy(
        () => database.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous}`),
        busyLimitMs,
      );
      return toSqliteHandle(database)!;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw toTasksError(error, where);
  }
}

/**
 * Loads `node:sqlite` on first use, so that nobody without it pays or fails for importing this package.
 *
 * @throws NotSupported on Node before 22.13.
 */
function loadNodeSqlite(): typeof NodeSqlite {
  const loaded = process.getBuiltinModule?.("node:sqlite");
  if (loaded !== undefined) return loaded;
  throw new NotSupported(
    `sqlite: urls use node:sqlite, which Node ${process.versions.node} does not have. Use Node 22.13 or newer, ` +
      `or pass a connection: new DatabaseBackend({ database: new Database("tasks.db") }) with ${alternatives()}.`,
  );
}

/** better-sqlite3 from 13 on needs N-API 10, and crashes the process without it. */
function alternatives(): string {
  return Number(process.versions.napi ?? 0) >= 10
    ? "better-sqlite3 or libsql"
    : "libsql (not better-sqlite3 13, which needs Node 22.14)";
}
