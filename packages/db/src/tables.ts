import type { Generated } from "kysely";

/**
 * Where a row stands inside the store. Finer than the status: a READY row due later is not among those a claim looks at.
 */
export const PHASE = { ready: 1, scheduled: 2, running: 3, successful: 4, failed: 5 } as const;

/** A row of the results table, as every dialect hands it out. Times are milliseconds since 1970, lists and objects JSON text. */
export interface ResultsTable {
  /** Enqueue order. */
  seq: Generated<number>;
  id: string;
  /** Alias of the backend that owns the row. */
  backend: string;
  queue_name: string;
  task_name: string;
  /** Where the row stands: 1 ready, 2 scheduled, 3 running, 4 successful, 5 failed. */
  phase: number;
  priority: number;
  /** `run_after`, else `enqueued_at`: what claims are ordered by within a priority. */
  due: number;
  run_after: number | null;
  enqueued_at: number;
  started_at: number | null;
  last_attempted_at: number | null;
  finished_at: number | null;
  /** Grows with every claim. */
  fence: number;
  /** The worker session that claimed the row last. */
  session_id: string | null;
  failures: number;
  lost: number;
  max_lost: number;
  cancel_requested: number;
  /** Class of the latest error of a FAILED row. */
  exception_class: string | null;
  /** Set while the row holds its unique key. */
  unique_key: string | null;
  /** `until-started`, `until-finished` or `window`. */
  unique_scope: string | null;
  /** End of a `window` scope. */
  unique_until: number | null;
  worker_ids: string;
  errors: string;
  metadata: string;
  progress: string | null;
  logs: string;
  args: string;
  return_value: string | null;
}

/** A running worker. Its lease covers every row it has claimed. */
export interface WorkersTable {
  session_id: string;
  backend: string;
  worker_id: string;
  /** JSON array. */
  queue_names: string;
  concurrency: number;
  started_at: number;
  last_seen_at: number;
  expires_at: number;
}

/** Queues that are paused. */
export interface PausedQueuesTable {
  backend: string;
  queue_name: string;
  paused_at: number;
}

/** Which migrations are applied. */
export interface MigrationsTable {
  version: number;
  name: string;
  applied_at: number;
}

/** The tables of the default prefix, to extend your own Kysely database type with. */
export interface TasksDatabase {
  tasks_results: ResultsTable;
  tasks_workers: WorkersTable;
  tasks_paused_queues: PausedQueuesTable;
  tasks_migrations: MigrationsTable;
}

/** Names of the tables under one prefix. */
export interface TableNames {
  readonly prefix: string;
  /** Schema the tables are in; `null` for the connection's own. */
  readonly schema: string | null;
  // The types name the default tables, so that queries built with these names are typed whatever the prefix.
  readonly results: "tasks_results";
  readonly workers: "tasks_workers";
  readonly paused: "tasks_paused_queues";
  readonly migrations: "tasks_migrations";
}

/** The prefix used when none is given. */
export const DEFAULT_TABLE_PREFIX = "tasks_";

/**
 * Names of the tables under a prefix, in a schema.
 *
 * @throws TypeError when the prefix or the schema is not a letter or underscore followed by letters, digits or underscores: up to 31 for the prefix, 62
 * for the schema.
 */
export function tableNames(
  prefix: string = DEFAULT_TABLE_PREFIX,
  schema: string | null = null,
): TableNames {
  assertName("tablePrefix", prefix, 31);
  if (schema !== null) assertName("schema", schema, 62);
  const qualifier = schema === null ? "" : `${schema}.`;
  return Object.freeze({
    prefix,
    schema,
    results: `${qualifier}${prefix}results` as "tasks_results",
    workers: `${qualifier}${prefix}workers` as "tasks_workers",
    paused: `${qualifier}${prefix}paused_queues` as "tasks_paused_queues",
    migrations: `${qualifier}${prefix}migrations` as "tasks_migrations",
  });
}

function assertName(option: string, name: string, more: number): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= more + 1) return;
  throw new TypeError(
    `${option} must be a letter or underscore and up to ${more} letters, digits or underscores, not '${name.slice(0, 64)}'.`,
  );
}
