import type { TaskStatus } from "@tasks/core";
import { sql, type Kysely, type RawBuilder, type SelectQueryBuilder } from "kysely";

import { NOW as MYSQL_NOW } from "./dialects/mysql-names.ts";
import { NOW as POSTGRES_NOW } from "./dialects/postgres-names.ts";
import {
  DEFAULT_TABLE_PREFIX,
  PHASE,
  tableNames,
  type ResultsTable,
  type TasksDatabase,
} from "./tables.ts";

/** A query of whole result rows with their `status`, to be narrowed further. */
export type ResultsQuery = SelectQueryBuilder<
  TasksDatabase,
  "tasks_results",
  {
    [K in keyof ResultsTable]: ResultsTable[K] extends { __select__: infer S }
      ? S
      : ResultsTable[K];
  } & { status: TaskStatus }
>;

/** Queries of results by where they stand. */
export interface ResultsQueries {
  /** Every result. */
  all(): ResultsQuery;
  /** READY and due, by the database's clock. */
  ready(): ResultsQuery;
  running(): ResultsQuery;
  successful(): ResultsQuery;
  failed(): ResultsQuery;
  /** SUCCESSFUL or FAILED. */
  finished(): ResultsQuery;
}

/** Options of `taskResults`. */
export interface ResultsQueriesOptions {
  /** The backend's `tablePrefix`. @default "tasks_" */
  readonly tablePrefix?: string | undefined;
  /** The backend's `schema`; for PostgreSQL. @default none */
  readonly schema?: string | undefined;
}

const STATUS = sql<TaskStatus>`case phase when 3 then 'RUNNING' when 4 then 'SUCCESSFUL' when 5 then 'FAILED' else 'READY' end`;

/**
 * Queries of the results table for people who want SQL. Columns are described by `ResultsTable`; those that hold JSON are text.
 *
 * @example
 * const failures = await taskResults(db).failed().where("task_name", "=", "sendEmail").orderBy("seq", "desc").limit(10).execute();
 */
export function taskResults(
  // oxlint-disable-next-line typescript/no-explicit-any -- any database type is welcome, and Kysely is invariant in it
  kysely: Kysely<any>,
  options: ResultsQueriesOptions = {},
): ResultsQueries {
  const { tablePrefix = DEFAULT_TABLE_PREFIX, schema = null } = options;
  const tables = tableNames(tablePrefix, schema);
  // Only the first table is named here: those that are joined are the user's.
  const results = (schema === null ? "" : `${schema}.`) + tables.results;
  const db = kysely as Kysely<TasksDatabase>;
  const all = (): ResultsQuery =>
    db
      .selectFrom(results as "tasks_results")
      .selectAll()
      .select(STATUS.as("status")) as ResultsQuery;
  return {
    all,
    ready: () =>
      all().where("phase", "in", [PHASE.ready, PHASE.scheduled]).where("due", "<=", nowOf(db)),
    running: () => all().where("phase", "=", PHASE.running),
    successful: () => all().where("phase", "=", PHASE.successful),
    failed: () => all().where("phase", "=", PHASE.failed),
    finished: () => all().where("phase", "in", [PHASE.successful, PHASE.failed]),
  };
}

/** The present by the clock that claims go by. */
function nowOf(db: Kysely<TasksDatabase>): RawBuilder<number> {
  const { name } = db.getExecutor().adapter.constructor;
  if (name === "MysqlAdapter") return sql.raw<number>(MYSQL_NOW);
  // SQLite's tables are in a file of this machine, and so is its clock.
  return name === "SqliteAdapter" ? sql`${Date.now()}` : sql.raw<number>(POSTGRES_NOW);
}
