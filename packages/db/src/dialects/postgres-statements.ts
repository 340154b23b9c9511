import { RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { hasId, hasIdOf } from "./postgres-ids.ts";
import { NOW, postgresNames } from "./postgres-names.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once, under a name. */
export type PostgresStatements = Readonly<Record<StatementName, string>>;

type StatementName =
  | "insert"
  | "insertAlike"
  | "insertMany"
  | "insertUnique"
  | "releaseWindow"
  | "readUnique"
  | "lockRow"
  | "claimOne"
  | "claimQueue"
  | "claimQueues"
  | "claimAll"
  | "readyInMs"
  | "readyInMsOfAll"
  | "unknownTasks"
  | "unknownTasksOfAll"
  | "promote"
  | "promoteOfAll"
  | "succeed"
  | "succeedById"
  | "saveRow"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "endSession"
  | "findLost"
  | "forgetSessions"
  | "deleteFinished"
  | "deleteFinishedOf"
  | "countFinished"
  | "countFinishedOf";

const COLUMNS = RECORD_COLUMNS.join(", ");
const BEST_FIRST = "order by priority desc, due, seq";
/** Queues one claim looks into; more than the tasks it may take would be of no use. */
const MOST_QUEUES = 200;
/** Ready rows that the look for unknown tasks goes through. */
const UNKNOWN_ROWS = 10_000;

/** What a claim gives back. Numbers, and what only rows with a history have, come packed in one column each: every column costs the driver time. */
const CLAIMED_COLUMNS = `seq, id, fence, queue_name, task_name, metadata, args,
  concat_ws(' ', last_attempted_at, priority, due, enqueued_at, max_lost, run_after) as numbers,
  case when fence > 1 or progress is not null or logs <> '[]' or failures <> 0
    then json_build_array(worker_ids, errors, progress, logs, started_at, failures, lost)::text end as history`;

/** Builds the statements. Lists travel as one text in PostgreSQL's notation for arrays, so that every driver sends them the same way. */
export function postgresStatements(tables: TableNames): PostgresStatements {
  const key = tables.results;
  let statements = built.get(key);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(key, statements);
  }
  return statements;
}

const built = new Map<string, PostgresStatements>();

/** A list parameter, taken apart once for the statement rather than once per row. */
function list(parameter: string): string {
  return `array(select unnest(${parameter}::text::text[]))`;
}

/** Checks the phase of rows that are found by key. Written so that no partial index fits: those of busy phases are full of dead entries. */
function isPhase(phase: number): string {
  return `phase + 0 = ${phase}`;
}

/** The present, looked up once for the statement rather than once per row. */
const ONE_NOW = `(select ${NOW})`;

function buildStatements(tables: TableNames): PostgresStatements {
  return {
    ...insertStatements(tables),
    ...claimStatements(tables),
    ...completionStatements(tables),
    ...sessionStatements(tables),
    ...pruneStatements(tables),
  };
}

function insertStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  "insert" | "insertAlike" | "insertMany" | "insertUnique" | "releaseWindow" | "readUnique"
> {
  const { results, sequence } = postgresNames(tables);
  const columns =
    "seq, id, has_given_id, backend, queue_name, task_name, priority, max_lost, metadata, args, phase, due, run_after, enqueued_at";
  const next = `nextval('${sequence}')`;
  /** Times follow the server's clock: a relative one counts from now. */
  const values = (seq: string, isGiven: string): string => `select ${seq},
  case when ${isGiven} then r.id else lpad(to_hex(${seq}), 12, '0') || r.id end, (${isGiven}),
  $1::text, r.queue_name, r.task_name, r.priority, r.max_lost, r.metadata, r.args,
  case when coalesce(r.run_after, now + r.delay, 0) <= now then 1 else 2 end,
  coalesce(r.run_after, now + r.delay, now), coalesce(r.run_after, now + r.delay), now`;
  const settings = `$4::text as queue_name, $5::text as task_name, $6::smallint as priority, $7::integer as max_lost,
  $8::text as metadata, $10::bigint as run_after, $11::bigint as delay`;
  const one = `fresh, (select $2::text as id, $9::text as args, ${settings}) r`;
  const drawOne = `with fresh as materialized (select ${next} as seq, ${NOW} as now)`;
  const alike = `(select id, args, position, ${settings}
  from unnest($2::text::text[], $9::text::text[]) with ordinality as given(id, args, position)) r`;
  const many = `json_to_recordset($2::text::json) as r(id text, is_given boolean, position integer, queue_name text, task_name text,
  priority smallint, max_lost integer, metadata text, args text, run_after bigint, delay bigint)`;
  const told = (channel: string, message: string): string =>
    `case when ${message}::text is not null then pg_notify(${channel}::text, ${message}::text)::text end`;
  /** Which row gets which number is said here: the order in which a statement stores its rows is nobody's promise. */
  const ofMany = (
    rows: string,
    count: string,
    isGiven: string,
    tell: string,
  ): string => `with fresh as materialized (
  select array_agg(seq order by seq) as seqs, ${NOW} as now from (select ${next} as seq from generate_series(1, ${count}::integer)) drawn),
stored as (insert into ${results} (${columns}) ${values("seqs[r.position]", isGiven)} from fresh, ${rows})
select now as enqueued_at, array_to_string(seqs, ',') as seqs, ${tell} from fresh`;
  return {
    insert: `insert into ${results} (${columns}) ${drawOne} ${values("seq", "$3::integer = 1")} from ${one} returning enqueued_at, seq, ${told("$12", "$13")}`,
    insertAlike: ofMany(alike, "$14", "$3::integer = 1", told("$12", "$13")),
    insertMany: ofMany(many, "$3", "r.is_given", told("$4", "$5")),
    insertUnique: `insert into ${results} (${columns}, unique_key, unique_scope, unique_until)
${drawOne} ${values("seq", "$3::integer = 1")}, $12::text, $13::text, now + $14::bigint from ${one}
on conflict (backend, unique_key) where unique_key is not null do nothing returning enqueued_at, seq`,
    releaseWindow: `update ${results} set unique_key = null where backend = $1 and unique_key = $2 and unique_until <= ${NOW}`,
    readUnique: `select ${COLUMNS}, coalesce(unique_until <= ${NOW}, false) as is_over from ${results} where backend = $1 and unique_key = $2`,
  };
}

function claimStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  | "claimOne"
  | "claimQueue"
  | "claimQueues"
  | "claimAll"
  | "readyInMs"
  | "readyInMsOfAll"
  | "unknownTasks"
  | "unknownTasksOfAll"
  | "promote"
  | "promoteOfAll"
> {
  const { results, paused } = postgresNames(tables);
  /** Parameters: 1 session, 2 list of this worker alone, 3 this worker as JSON, 4 backend, 5 task names. */
  const claimOf = (where: string): string => `update ${results} set
  phase = 3, fence = fence + 1, started_at = coalesce(started_at, ${ONE_NOW}), last_attempted_at = ${ONE_NOW}, session_id = $1,
  worker_ids = case when worker_ids like '[_%]' and worker_ids <> '[]' then left(worker_ids, -1) || ',' || $3::text || ']' else $2::text end,
  unique_key = case when unique_scope = 'until-started' then null else unique_key end
where ${where}
returning ${CLAIMED_COLUMNS}`;
  const ready = (backend: string, queue: string, names: string): string =>
    `phase = 1 and backend = ${backend} and queue_name = ${queue} and task_name = any(${list(names)})`;
  const isDue = (backend: string): string =>
    `exists (select 1 from ${results} where phase = 2 and backend = ${backend} and due <= ${NOW})`;
  // Rows that fell due meanwhile may be better than those that are ready: a patient claim leaves both to be made ready first.
  const mayClaim = `($8::integer = 0 or not ${isDue("$4")})`;
  /** Every queue with ready rows that is not paused: leaps from one to the next in the index, so that its cost is the number of queues. */
  const allQueues = (backend: string, excluded: string): string => `(
    with recursive found(name) as (
      (select queue_name from ${results} where phase = 1 and backend = ${backend} order by queue_name limit 1)
      union all
      select (select queue_name from ${results} where phase = 1 and backend = ${backend} and queue_name > found.name order by queue_name limit 1)
      from found where found.name is not null)
    select name from found where name is not null and name <> all(${list(excluded)})
      and not exists (select 1 from ${paused} where backend = ${backend} and queue_name = name))`;
  /** Those named that are not paused. */
  const namedQueues = (backend: string, names: string): string =>
    `(select unnest(${names}::text::text[]) as name except select queue_name from ${paused} where backend = ${backend})`;
  /** The best n rows are in the n queues with the best heads. Others may hold some of them: a few more are looked at than wanted. */
  const claimFrom = (queues: string): string =>
    claimOf(`${isPhase(1)} and ctid = any(array(
  select ctid from ${results} where ${isPhase(1)} and ctid = any(array(
    select row.place from (
      select queue.name from ${queues} queue cross join lateral (
        select priority, due, seq from ${results} where ${ready("$4", "queue.name", "$5")} ${BEST_FIRST} limit 1) head
      order by head.priority desc, head.due, head.seq limit least($6::integer, ${MOST_QUEUES})) best
    cross join lateral (
      select ctid as place, priority, due, seq from ${results} where ${ready("$4", "best.name", "$5")} ${BEST_FIRST} limit 3 * $6::integer) row
    where ${mayClaim}
    order by row.priority desc, row.due, row.seq limit 3 * $6::integer))
  ${BEST_FIRST} limit $6::integer for update skip locked))`);
  const isReady = (queues: string): string => `exists (
    select 1 from ${queues} queue cross join lateral (
      select 1 from ${results} where ${ready("$1", "queue.name", "$2")} limit 1) head)`;
  const readyInMs = (queues: string): string => `select case when ${isReady(queues)} then 0
  else (select greatest(0, due - ${NOW}) from ${results} where phase = 2 and backend = $1 order by due limit 1) end as ms`;
  const promote = (
    queues: string,
  ): string => `with promoted as (update ${results} set phase = 1 where ${isPhase(2)} and ctid = any(array(
  select ctid from ${results} where phase = 2 and backend = $1 and due <= ${NOW} order by due limit $4::integer for update skip locked)) returning 1)
select (select count(*) from promoted)::integer as promoted, ${isDue("$1")} as is_due, ${isReady(queues)} as is_ready`;
  const unknown = (
    queues: string,
  ): string => `select distinct task_name from (select task_name from ${results}
  where phase = 1 and backend = $1 and queue_name in (select name from ${queues} queue) limit ${UNKNOWN_ROWS}) ready
where task_name <> all(${list("$2")}) limit 10`;
  return {
    claimOne: claimOf(
      `${hasId(results, "$6::text", "$7::bigint")} and backend = $4 and phase in (1, 2) and task_name = any(${list("$5")})`,
    ),
    claimQueue: claimOf(`${isPhase(1)} and ctid = any(array(
  select ctid from ${results} where ${ready("$4", "$7", "$5")} and ${mayClaim}
    and not exists (select 1 from ${paused} where backend = $4 and queue_name = $7)
  ${BEST_FIRST} limit $6::integer for update skip locked))`),
    claimQueues: claimFrom(namedQueues("$4", "$7")),
    claimAll: claimFrom(allQueues("$4", "$7")),
    readyInMs: readyInMs(namedQueues("$1", "$3")),
    readyInMsOfAll: readyInMs(allQueues("$1", "$3")),
    unknownTasks: unknown(namedQueues("$1", "$3")),
    unknownTasksOfAll: unknown(allQueues("$1", "$3")),
    promote: promote(namedQueues("$1", "$3")),
    promoteOfAll: promote(allQueues("$1", "$3")),
  };
}

function completionStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  "lockRow" | "succeed" | "succeedById" | "saveRow" | "updateRunning" | "readStates"
> {
  const { results } = postgresNames(tables);
  // Taken apart once for the statement; a scalar subquery is not run again for each row.
  const ofAttempt = (key: string): string =>
    `((select $2::text::jsonb) -> (${key} || ' ' || fence))`;
  // A join would be as quick, until the planner takes the table for a small one and reads it all.
  const succeed = (
    key: string,
    where: string,
  ): string => `update ${results} set phase = 4, finished_at = ${ONE_NOW}, return_value = ${ofAttempt(key)} #>> '{}',
  unique_key = case when unique_scope = 'window' then unique_key end
where ${where} and ${isPhase(3)} and cancel_requested = 0 and ${ofAttempt(key)} is not null
returning ${key} as key, fence`;
  const byAttempt = ofAttempt("id");
  return {
    lockRow: `select ${COLUMNS} from ${results} where ${hasId(results, "$1::text", "$2::bigint")} and backend = $3 for update`,
    succeed: succeed("seq", "seq = any(array(select unnest($1::text::bigint[])))"),
    succeedById: succeed("id", hasIdOf(results, "$1", "$3")),
    saveRow: `update ${results} set phase = case when $1::smallint = 1 and $2::bigint > ${NOW} then 2 else $1::smallint end,
  due = $2, run_after = $3, started_at = $4, last_attempted_at = $5, finished_at = $6,
  failures = $7, lost = $8, cancel_requested = $9, exception_class = $10,
  unique_key = case when $6::bigint is null or unique_scope = 'window' then unique_key end,
  worker_ids = $11, errors = $12, metadata = $13, progress = $14, logs = $15, return_value = $16
where ${hasId(results, "$17::text", "$18::bigint")} and backend = $19`,
    updateRunning: `update ${results} set progress = coalesce(${byAttempt} ->> 0, progress),
  metadata = coalesce(${byAttempt} ->> 1, metadata), logs = coalesce(${byAttempt} ->> 2, logs)
where ${hasIdOf(results, "$1", "$3")} and ${isPhase(3)} and ${byAttempt} is not null`,
    readStates: `select id, fence, phase, cancel_requested from ${results} where ${hasIdOf(results, "$1", "$2")}`,
  };
}

function sessionStatements(
  tables: TableNames,
): Pick<PostgresStatements, "renewLease" | "endSession" | "findLost" | "forgetSessions"> {
  const { results, workers } = postgresNames(tables);
  return {
    renewLease: `insert into ${workers} as worker (session_id, backend, worker_id, queue_names, concurrency, started_at, last_seen_at, expires_at)
values ($1, $2, $3, $4, $5, ${NOW}, ${NOW}, ${NOW} + $6::bigint)
on conflict (session_id) do update set last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at where worker.expires_at > 0`,
    // Kept with a lease of 1970 until it is forgotten, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set expires_at = 0 where session_id = $1`,
    // Passing over rows that someone else is dealing with, or left locked: the others need not wait for them.
    findLost: `with recursive found(name) as (
  (select session_id from ${results} where phase = 3 and backend = $1 order by session_id limit 1)
  union all
  select (select session_id from ${results} where phase = 3 and backend = $1 and session_id > found.name order by session_id limit 1)
  from found where found.name is not null)
select id from ${results} where phase = 3 and backend = $1 and (session_id is null or session_id = any(array(
  select name from found where name is not null
    and not exists (select 1 from ${workers} where session_id = name and expires_at > ${NOW}))))
order by seq limit $2 for update skip locked`,
    forgetSessions: `delete from ${workers} where backend = $1 and expires_at < ${NOW} - $2::bigint`,
  };
}

function pruneStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  "deleteFinished" | "deleteFinishedOf" | "countFinished" | "countFinishedOf"
> {
  const { results } = postgresNames(tables);
  const finished = `from ${results} where backend = $1 and phase = $2 and finished_at <= $3`;
  const ofQueues = `and queue_name = any(${list("$4")})`;
  return {
    deleteFinished: `delete from ${results} where seq = any(array(select seq ${finished} order by finished_at limit $4 for update skip locked))`,
    deleteFinishedOf: `delete from ${results} where seq = any(array(select seq ${finished} ${ofQueues} order by finished_at limit $5 for update skip locked))`,
    countFinished: `select count(*) as count ${finished}`,
    countFinishedOf: `select count(*) as count ${finished} ${ofQueues}`,
  };
}
