import type { Migration } from "../migrations.ts";
import type { TableNames } from "../tables.ts";

/** The schema of SQLite, step by step. A step that was released never changes. */
export function sqliteMigrations(tables: TableNames): readonly Migration[] {
  return [{ version: 1, name: "initial", ...initial(tables) }];
}

function initial({
  results,
  workers,
  keys,
  paused,
  migrations,
}: TableNames): Pick<Migration, "up" | "down"> {
  return {
    up: [
      `create table ${migrations} (
  version integer primary key,
  name text not null,
  applied_at integer not null
) strict`,
      // Long texts come last: what stands before them is read without walking through them.
      `create table ${results} (
  seq integer primary key,
  id_tail text,
  given_id text,
  id text generated always as (coalesce(given_id, printf('%012x', seq) || id_tail)) virtual,
  backend text not null,
  queue_name text not null,
  task_name text not null,
  phase integer not null,
  status text not null generated always as (
    case phase when 3 then 'RUNNING' when 4 then 'SUCCESSFUL' when 5 then 'FAILED' else 'READY' end
  ) virtual,
  priority integer not null default 0 check (priority between -100 and 100),
  due integer not null,
  run_after integer,
  enqueued_at integer not null,
  started_at integer,
  last_attempted_at integer,
  finished_at integer,
  fence integer not null default 0,
  session_id text,
  failures integer not null default 0,
  lost integer not null default 0,
  max_lost integer not null default 0,
  cancel_requested integer not null default 0,
  exception_class text,
  unique_key text,
  unique_scope text,
  unique_until integer,
  worker_ids text not null default '[]',
  errors text not null default '[]',
  metadata text not null default '{}',
  progress text,
  logs text not null default '[]',
  args text not null default '[]',
  return_value text,
  check (coalesce(id_tail, given_id) is not null)
) strict`,
      // Other ids begin with their row's number, and need no index; see `sqlite-ids.ts`.
      `create unique index ${results}_given_id on ${results} (given_id, backend) where given_id is not null`,
      // Holds the task's name, so that rows of tasks a worker does not know are passed over without reading them.
      `create index ${results}_ready on ${results} (backend, queue_name, priority desc, due, seq, task_name) where phase = 1`,
      // Scheduled rows stay in these two until they are claimed: one to claim from all queues, one to claim from some.
      `create index ${results}_scheduled on ${results} (backend, priority desc, due, seq, queue_name, task_name) where phase = 2`,
      `create index ${results}_scheduled_queue on ${results} (backend, queue_name, priority desc, due, seq, task_name) where phase = 2`,
      `create index ${results}_running on ${results} (backend, session_id) where phase = 3`,
      `create index ${results}_finished on ${results} (backend, phase, finished_at) where finished_at is not null`,
      // For lists: failures are few, and wanted newest first.
      `create index ${results}_failed on ${results} (backend, seq) where phase = 5`,
      `create table ${keys} (
  backend text not null,
  unique_key text not null,
  holder integer not null,
  primary key (backend, unique_key)
) strict, without rowid`,
      `create index ${keys}_holder on ${keys} (holder)`,
      `create table ${workers} (
  session_id text primary key,
  backend text not null,
  worker_id text not null,
  queue_names text not null,
  concurrency integer not null,
  started_at integer not null,
  last_seen_at integer not null,
  lease_ms integer not null,
  heartbeat integer not null
) strict, without rowid`,
      `create table ${paused} (
  backend text not null,
  queue_name text not null,
  paused_at integer not null,
  primary key (backend, queue_name)
) strict, without rowid`,
    ],
    down: [
      `drop table ${paused}`,
      `drop table ${keys}`,
      `drop table ${workers}`,
      `drop table ${results}`,
      `drop table ${migrations}`,
    ],
  };
}
