import { InvalidOption } from "@tasks/core";
import type { Generated, Kysely } from "kysely";

/**
 * The phase of a row inside the store, finer than its status. A READY row that was due when it was stored is `ready`; one that was to be due later is
 * `scheduled` until it is claimed, also after it fell due.
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
  /** Set while the row holds its unique key; see `UniqueKeysTable`. */
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
  /** How long a lease lasts without a renewal. */
  lease_ms: number;
  /**
   * Changes with every renewal; 0 once the session has ended. Begins with the time, so that a
   * session that comes back is not taken for the one that stood still.
   */
  heartbeat: number;
}

/** Who took which unique key last. The key is held while that row has it in `unique_key`, and its window is not over. */
export interface UniqueKeysTable {
  backend: string;
  unique_key: string;
  /** Number of the row; on MySQL and MariaDB its id. */
  holder: number | string;
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
  tasks_unique_keys: UniqueKeysTable;
  tasks_paused_queues: PausedQueuesTable;
  tasks_migrations: MigrationsTable;
}

/** Names of the tables under one prefix. Names of tables are without the schema. */
export interface TableNames {
  readonly prefix: string;
  /** Schema the tables are in, on MySQL their database; `null` where names stand alone. */
  readonly schema: string | null;
  /** The schema was named by the user, so that a migration creates it where it is missing. */
  readonly createsSchema: boolean;
  // The types name the default tables, so that queries built with these names are typed whatever the prefix.
  readonly results: "tasks_results";
  readonly workers: "tasks_workers";
  readonly keys: "tasks_unique_keys";
  readonly paused: "tasks_paused_queues";
  readonly migrations: "tasks_migrations";
}

/** The prefix used when none is given. */
export const DEFAULT_TABLE_PREFIX = "tasks_";

/**
 * Names of the tables under a prefix, in a schema.
 *
 * @throws InvalidOption when the prefix or the schema is not a letter or underscore followed by letters, digits or underscores: up to 31 for the prefix, 62
 * for the schema.
 */
export function tableNames(
  prefix: string = DEFAULT_TABLE_PREFIX,
  schema: string | null = null,
): TableNames {
  assertName("tablePrefix", prefix, 31);
  if (schema !== null) assertName("schema", schema, 62);
  return Object.freeze({
    prefix,
    schema,
    createsSchema: schema !== null,
    results: `${prefix}results` as "tasks_results",
    workers: `${prefix}workers` as "tasks_workers",
    keys: `${prefix}unique_keys` as "tasks_unique_keys",
    paused: `${prefix}paused_queues` as "tasks_paused_queues",
    migrations: `${prefix}migrations` as "tasks_migrations",
  });
}

/** The same tables in a schema that was found in the database, whatever it is called. */
export function inSchema(tables: TableNames, schema: string): TableNames {
  return Object.freeze({ ...tables, schema });
}

/** A builder of queries that names each table with its schema. */
export function inSchemaOf(
  builder: Kysely<TasksDatabase>,
  { schema }: TableNames,
): Kysely<TasksDatabase> {
  return schema === null ? builder : builder.withSchema(schema);
}

function assertName(option: string, name: string, more: number): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= more + 1) return;
  throw new InvalidOption(
    `${option} must be a letter or underscore and up to ${more} letters, digits or underscores, not '${name.slice(0, 64)}'.`,
  );
}
