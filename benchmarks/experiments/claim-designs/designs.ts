/** A way to keep tasks in PostgreSQL, reduced to what a claim and a completion need. */
export interface Design {
  readonly name: string;
  readonly idea: string;
  readonly schema: readonly string[];
  /** Parameters: lists of ids and of arguments, queue, phase (1 ready, 2 due tomorrow, 4 finished). */
  readonly insert: string;
  /** Parameter: how many. Gives a key, an id and arguments. */
  readonly claim: string;
  /** Parameters: list of keys, map of results by id. */
  readonly complete: string;
}

const NOW = "(extract(epoch from statement_timestamp()) * 1000)::bigint";
const COLUMNS = `seq bigint generated always as identity, due bigint not null, run_after bigint, enqueued_at bigint not null, started_at bigint, last_attempted_at bigint,
  finished_at bigint, fence integer not null default 0, phase smallint not null, priority smallint not null default 0, cancel_requested smallint not null default 0,
  id text not null, backend text not null default 'default', queue_name text not null, task_name text not null default 'bench', session_id text, unique_key text,
  worker_ids text not null default '[]', errors text not null default '[]', metadata text not null default '{}', logs text not null default '[]',
  args text not null, return_value text`;
const STORAGE =
  "with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)";
const READY =
  "create index ready on task (backend, queue_name, priority desc, due, seq) where phase = 1";
const SCHEDULED = "create index scheduled on task (backend, due) where phase = 2";
const RUNNING = "create index running on task (backend, session_id) where phase = 3";
const FINISHED =
  "create index finished on task (backend, phase, finished_at) where finished_at is not null";
const ID = "create unique index task_id on task (id)";
const KEY = "alter table task add primary key (seq)";

const insertInto = (
  table: string,
): string => `insert into ${table} (id, args, queue_name, phase, due, enqueued_at, finished_at, worker_ids, return_value)
  select id, args, $3, $4::smallint, ${NOW} + case when $4::smallint = 2 then 86400000 else 0 end, ${NOW}, case when $4::smallint = 4 then ${NOW} end,
    case when $4::smallint = 4 then '["worker"]' else '[]' end, case when $4::smallint = 4 then '1' end
  from unnest($1::text[], $2::text[]) as row(id, args)`;
const best = (table: string, column: string): string => `select ${column} from ${table}
  where phase = 1 and backend = 'default' and queue_name = 'default' order by priority desc, due, seq limit $1 for update skip locked`;
const claimed = `phase = 3, fence = fence + 1, started_at = coalesce(started_at, ${NOW}), last_attempted_at = ${NOW},
  session_id = '0123456789abcdef0123456789abcdef', worker_ids = '["worker"]'`;
const completed = `phase = 4, finished_at = ${NOW}, return_value = (select $2::text::jsonb) ->> id`;
const claimBy = (column: string, type: string, key: string): string => `update task set ${claimed}
  where ${column} = any(array(${best("task", column)})::${type}[]) and phase + 0 = 1 returning ${key} as key, id, args`;
const completeBy = (column: string, type: string): string =>
  `update task set ${completed} where ${column} = any($1::${type}[]) and phase + 0 = 3`;

const oneTable: Pick<Design, "insert" | "claim" | "complete"> = {
  insert: insertInto("task"),
  claim: claimBy("seq", "bigint", "id"),
  complete: completeBy("id", "text"),
};

export const designs: readonly Design[] = [
  {
    ...oneTable,
    name: "one table",
    idea: "partial indexes by phase, an index of finished rows, claims by key, completions by id",
    schema: [
      `create table task (${COLUMNS}) ${STORAGE}`,
      KEY,
      ID,
      READY,
      SCHEDULED,
      RUNNING,
      FINISHED,
    ],
  },
  {
    ...oneTable,
    name: "one table, finished rows unindexed",
    idea: "as before without the index of finished rows",
    schema: [`create table task (${COLUMNS}) ${STORAGE}`, KEY, ID, READY, SCHEDULED, RUNNING],
  },
  {
    ...oneTable,
    name: "the same by place and key",
    idea: "as before, but a claim finds the rows it locked by their place in the table, and completions find them by their number",
    schema: [`create table task (${COLUMNS}) ${STORAGE}`, KEY, ID, READY, SCHEDULED, RUNNING],
    claim: claimBy("ctid", "tid", "seq"),
    complete: completeBy("seq", "bigint"),
  },
  {
    ...oneTable,
    name: "the same with one key",
    idea: "as before, but the id is the only key: no index by number",
    schema: [
      `create table task (${COLUMNS}) ${STORAGE}`,
      "alter table task add primary key (id)",
      READY,
      SCHEDULED,
      RUNNING,
    ],
    claim: claimBy("ctid", "tid", "id"),
  },
  {
    name: "open and finished apart",
    idea: "a table of open tasks, and one of finished ones to which completions move rows",
    schema: [
      `create table task (${COLUMNS}) ${STORAGE}`,
      KEY,
      ID,
      READY,
      SCHEDULED,
      RUNNING,
      `create table history (${COLUMNS})`,
      "alter table history alter column seq restart with 1000000000000",
      "alter table history add primary key (seq)",
      "create unique index history_id on history (id)",
    ],
    insert: `with finished as (${insertInto("history")} where $4::smallint = 4) ${insertInto("task")} where $4::smallint <> 4`,
    claim: claimBy("ctid", "tid", "seq"),
    complete: `with ended as (delete from task where seq = any($1::bigint[]) and phase + 0 = 3 returning *)
  insert into history overriding system value select seq, due, run_after, enqueued_at, started_at, last_attempted_at, ${NOW}, fence, 4, priority, cancel_requested,
    id, backend, queue_name, task_name, session_id, unique_key, worker_ids, errors, metadata, logs, args, (select $2::text::jsonb) ->> id from ended`,
  },
];
