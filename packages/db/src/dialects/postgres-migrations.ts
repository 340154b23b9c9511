import type { Migration } from "../migrations.ts";
import type { TableNames } from "../tables.ts";
import { postgresNames, type PostgresNames } from "./postgres-names.ts";

/** The schema of PostgreSQL, step by step. A step that was released never changes. */
export function postgresMigrations(tables: TableNames): readonly Migration[] {
  const names = postgresNames(tables);
  return [{ version: 1, name: "initial", ...initial(names, tables.schema) }];
}

function initial(
  { results, workers, migrations, index, schema }: PostgresNames,
  plainSchema: string | null,
): Pick<Migration, "up" | "down"> {
  return {
    up: [
      // Looking first spares those who may not create schemas, but may use this one.
      ...(schema === null
        ? []
        : [
            `do $$ begin if not exists (select 1 from pg_namespace where nspname = '${plainSchema}') then create schema ${schema}; end if; end $$`,
          ]),
      `create table ${migrations} (
  version integer primary key,
  name text not null,
  applied_at bigint not null
)`,
      `create table ${results} (
  seq bigint generated always as identity primary key,
  due bigint not null,
  run_after bigint,
  enqueued_at bigint not null,
  started_at bigint,
  last_attempted_at bigint,
  finished_at bigint,
  unique_until bigint,
  fence integer not null default 0 check (fence between 0 and 1000000000),
  failures integer not null default 0 check (failures between 0 and 1000000000),
  lost integer not null default 0 check (lost between 0 and 1000000000),
  max_lost integer not null default 0 check (max_lost between 0 and 1000000000),
  phase smallint not null,
  priority smallint not null default 0 check (priority between -100 and 100),
  cancel_requested smallint not null default 0,
  id text not null,
  backend text not null,
  queue_name text not null,
  task_name text not null,
  status text not null generated always as (
    case phase when 3 then 'RUNNING' when 4 then 'SUCCESSFUL' when 5 then 'FAILED' else 'READY' end
  ) stored,
  session_id text,
  exception_class text,
  unique_key text,
  unique_scope text,
  worker_ids text not null default '[]',
  errors text not null default '[]',
  metadata text not null default '{}',
  progress text,
  logs text not null default '[]',
  args text not null default '[]',
  return_value text
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
      `create unique index ${index("id")} on ${results} (id)`,
      `create index ${index("ready")} on ${results} (backend, queue_name, priority desc, due, seq) where phase = 1`,
      `create index ${index("scheduled")} on ${results} (backend, due) where phase = 2`,
      `create index ${index("running")} on ${results} (backend, session_id) where phase = 3`,
      `create index ${index("finished")} on ${results} (backend, phase, finished_at) where finished_at is not null`,
      // For lists: failures are few, and wanted newest first.
      `create index ${index("failed")} on ${results} (backend, seq) where phase = 5`,
      `create unique index ${index("unique")} on ${results} (backend, unique_key) where unique_key is not null`,
      `create table ${workers} (
  session_id text primary key,
  backend text not null,
  worker_id text not null,
  queue_names text not null,
  concurrency integer not null,
  started_at bigint not null,
  last_seen_at bigint not null,
  expires_at bigint not null
) with (fillfactor = 50)`,
    ],
    down: [`drop table ${workers}`, `drop table ${results}`, `drop table ${migrations}`],
  };
}
