import type { Migration } from "../migrations.ts";
import type { TableNames } from "../tables.ts";

/** The largest moment a JavaScript date can hold, in milliseconds. */
const LAST_MS = "8640000000000000";

/** The schema of SQLite, step by step. A step that was released never changes. */
export function sqliteMigrations(tables: TableNames): readonly Migration[] {
  return [{ version: 1, name: "initial", ...initial(tables) }];
}

function initial({ results, workers, migrations }: TableNames): Pick<Migration, "up" | "down"> {
  // The range checks keep every number readable: drivers refuse whole statements over one integer that JavaScript cannot hold.
  const ms = (column: string): string =>
    `${column} integer ${between(column, `-${LAST_MS}`, LAST_MS)}`;
  const count = (column: string): string =>
    `${column} integer not null default 0 ${between(column, "0", "9007199254740991")}`;
  return {
    up: [
      `create table ${migrations} (
  version integer primary key,
  name text not null,
  applied_at integer not null
) strict`,
      `create table ${results} (
  seq integer primary key,
  id text not null,
  backend text not null,
  queue_name text not null,
  task_name text not null,
  status text not null ${oneOf("status", "'READY', 'RUNNING', 'SUCCESSFUL', 'FAILED'")},
  phase integer not null ${between("phase", "1", "5")},
  priority integer not null default 0 ${between("priority", "-100", "100")},
  ${ms("due")} not null,
  ${ms("run_after")},
  ${ms("enqueued_at")} not null,
  ${ms("started_at")},
  ${ms("last_attempted_at")},
  ${ms("finished_at")},
  ${count("fence")},
  session_id text,
  ${count("failures")},
  ${count("lost")},
  ${count("max_lost")},
  cancel_requested integer not null default 0 ${oneOf("cancel_requested", "0, 1")},
  exception_class text,
  unique_key text,
  unique_scope text,
  ${ms("unique_until")},
  worker_ids text not null default '[]',
  errors text not null default '[]',
  metadata text not null default '{}',
  progress text,
  logs text not null default '[]',
  args text not null default '[]',
  return_value text
) strict`,
      `create unique index ${results}_id on ${results} (id)`,
      // Holds the task's name, so that rows of tasks a worker does not know are passed over without reading them.
      `create index ${results}_ready on ${results} (backend, queue_name, priority desc, due, seq, task_name) where phase = 1`,
      `create index ${results}_scheduled on ${results} (backend, due, queue_name) where phase = 2`,
      `create index ${results}_running on ${results} (backend, session_id) where phase = 3`,
      `create index ${results}_finished on ${results} (backend, phase, finished_at) where finished_at is not null`,
      `create unique index ${results}_unique on ${results} (backend, unique_key) where unique_key is not null`,
      `create table ${workers} (
  session_id text primary key,
  backend text not null,
  worker_id text not null,
  queue_names text not null,
  concurrency integer not null,
  started_at integer not null,
  last_seen_at integer not null,
  expires_at integer not null
) strict, without rowid`,
    ],
    down: [`drop table ${workers}`, `drop table ${results}`, `drop table ${migrations}`],
  };
}

function between(column: string, low: string, high: string): string {
  return `check (${column} between ${low} and ${high})`;
}

function oneOf(column: string, values: string): string {
  return `check (${column} in (${values}))`;
}
