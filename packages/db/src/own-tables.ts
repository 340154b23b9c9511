import { InvalidTaskBackend } from "@tasks/core";

import type { Executor } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { step, type Steps } from "./steps.ts";
import type { TableNames } from "./tables.ts";

type Table = "results" | "workers" | "keys" | "paused" | "migrations";

/** Columns by which tables are known to be ours, whatever their version. */
const MARKS: Readonly<Record<Table, readonly string[]>> = {
  results: ["seq", "fence", "queue_name", "task_name"],
  workers: ["session_id", "worker_id", "queue_names"],
  keys: ["backend", "unique_key"],
  paused: ["backend", "queue_name", "paused_at"],
  migrations: ["version", "name", "applied_at"],
};

/**
 * Tells whether a table is there.
 *
 * @throws InvalidTaskBackend when something else has its name.
 */
export function* hasOwnTable(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  table: Table,
): Steps<boolean> {
  const columns = yield* step(dialect.columnsOf(executor, tables[table], tables));
  if (columns === undefined) return false;
  if (MARKS[table].every((column) => columns.includes(column))) return true;
  throw taken(tables[table], tables);
}

/** @throws InvalidTaskBackend when something else has the name of a table. */
export function* assertOwnTables(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
): Steps<void> {
  for (const table of Object.keys(MARKS) as Table[]) {
    yield* hasOwnTable(executor, dialect, tables, table);
  }
}

/** A name that the tables need belongs to something else, such as a table, view, index or sequence of the application's. */
export function taken(name: string, { prefix }: TableNames, cause?: unknown): InvalidTaskBackend {
  return new InvalidTaskBackend(
    `The database has a '${name}' that is not of Tasks, and it is left as it is. ` +
      `Give the tables of Tasks other names by the option tablePrefix, which is "${prefix}".`,
    { cause },
  );
}
