import type { Migration } from "../migrations.ts";
import type { TableNames } from "../tables.ts";
import { BYTEWISE, mysqlNames } from "./mysql-names.ts";

/**
 * The schema of MySQL and MariaDB, step by step. A step that was released never changes.
 *
 * There are no transactions around tables: every statement may find its work done, by a run that was cut short.
 */
export function mysqlMigrations(tables: TableNames): readonly Migration[] {
  return [{ version: 1, name: "initial", ...initial(tables) }];
}

const OPTIONS = `engine = innodb row_format = dynamic ${BYTEWISE}`;

function initial(tables: TableNames): Pick<Migration, "up" | "down"> {
  const { results, workers, keys, keysIndex, paused, migrations, index } = mysqlNames(tables);
  return {
    up: [
      `create table if not exists ${migrations} (
  version int not null primary key,
  name varchar(100) not null,
  applied_at bigint not null
) ${OPTIONS}`,
      // An index holds every row, there are no partial ones: one serves all phases. What it orders by means something else in each of them. Rows change
      // their place in it twice, when they are claimed and when they end; in an index for each phase they would in all of them. A second one has the rows that wait, of all queues in one order.
      `create table if not exists ${results} (
  seq bigint not null auto_increment primary key,
  due bigint not null,
  run_after bigint,
  enqueued_at bigint not null,
  started_at bigint,
  last_attempted_at bigint,
  finished_at bigint,
  unique_until bigint,
  fence int not null default 0,
  failures int not null default 0,
  lost int not null default 0,
  max_lost int not null default 0,
  phase tinyint not null,
  priority smallint not null default 0,
  cancel_requested tinyint not null default 0,
  id varchar(64) not null,
  backend varchar(64) not null,
  queue_name varchar(64) not null,
  task_name varchar(128) not null,
  status varchar(10) generated always as (
    case phase when 3 then 'RUNNING' when 4 then 'SUCCESSFUL' when 5 then 'FAILED' else 'READY' end
  ) virtual,
  lane varchar(64) generated always as (
    case phase when 1 then queue_name when 2 then queue_name when 3 then coalesce(session_id, '') else '' end
  ) stored,
  place smallint generated always as (case when phase in (1, 2) then -priority else 0 end) stored,
  waiting_place smallint generated always as (case when phase in (1, 2) then -priority end) stored,
  session_id varchar(64),
  exception_class varchar(255),
  unique_key varchar(255),
  unique_scope varchar(16),
  worker_ids longtext not null default ('[]'),
  errors longtext not null default ('[]'),
  metadata longtext not null default ('{}'),
  progress longtext,
  logs longtext not null default ('[]'),
  args longtext not null default ('[]'),
  return_value longtext,
  unique key ${index("id")} (id, backend),
  key ${index("phase")} (backend, phase, lane, place, finished_at, due),
  key ${index("waiting")} (backend, waiting_place, due),
  check (priority between -100 and 100)
) ${OPTIONS}`,
      `create table if not exists ${workers} (
  session_id varchar(64) not null primary key,
  backend varchar(64) not null,
  worker_id varchar(64) not null,
  queue_names longtext not null,
  concurrency int not null,
  started_at bigint not null,
  last_seen_at bigint not null,
  lease_ms int not null,
  heartbeat bigint not null
) ${OPTIONS}`,
      // A table of its own, by primary key: in an index of the results a look for a key would lock its neighbours, and what holds it.
      `create table if not exists ${keys} (
  backend varchar(64) not null,
  unique_key varchar(255) not null,
  holder varchar(64) not null,
  primary key (backend, unique_key),
  key ${keysIndex} (holder, backend)
) ${OPTIONS}`,
      `create table if not exists ${paused} (
  backend varchar(64) not null,
  queue_name varchar(64) not null,
  paused_at bigint not null,
  primary key (backend, queue_name)
) ${OPTIONS}`,
    ],
    // What says that the tables are there goes last, so that a run that was cut short is gone through again.
    down: [
      `drop table if exists ${paused}`,
      `drop table if exists ${keys}`,
      `drop table if exists ${workers}`,
      `drop table if exists ${results}`,
      `drop table if exists ${migrations}`,
    ],
  };
}
