import { LOST_COLUMNS, RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { claimStatements, type ClaimStatements } from "./postgres-claim-statements.ts";
import { hasId, hasIdOf } from "./postgres-ids.ts";
import { list, NOW, ONE_NOW, postgresNames } from "./postgres-names.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once, under a name. */
export type PostgresStatements = Readonly<Record<StatementName, string>> & ClaimStatements;

type StatementName =
  | "lockRows"
  | "succeed"
  | "succeedById"
  | "saveRows"
  | "freeStartedKeys"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "giveBack"
  | "endSession"
  | "readSessions"
  | "lockLost"
  | "deleteSession"
  | "deleteFinished"
  | "deleteFinishedOf"
  | "deleteRow"
  | "countFinished"
  | "countFinishedOf";

const COLUMNS = RECORD_COLUMNS.join(", ");
const LOST = LOST_COLUMNS.join(", ");

/** Builds the statements. Lists travel as one text in PostgreSQL's notation for arrays, so that every driver sends them the same way. */
export function postgresStatements(tables: TableNames): PostgresStatements {
  const key = postgresNames(tables).results;
  let statements = built.get(key);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(key, statements);
  }
  return statements;
}

const built = new Map<string, PostgresStatements>();

/** Checks the phase of rows that are found by key. Written so that no partial index fits: those of busy phases are full of dead entries. */
function isPhase(phase: number): string {
  return `phase + 0 = ${phase}`;
}

/** An attempt as one text. Its row's number would not do: after a restore it may be another task's. */
const ATTEMPT = "id || ' ' || fence || ' ' || session_id";

/** The columns of `savedValues`. */
const SAVED: readonly (readonly [name: string, type: string])[] = [
  ["due", "bigint"],
  ["run_after", "bigint"],
  ["started_at", "bigint"],
  ["last_attempted_at", "bigint"],
  ["finished_at", "bigint"],
  ["failures", "integer"],
  ["lost", "integer"],
  ["cancel_requested", "smallint"],
  ["exception_class", "text"],
  ["worker_ids", "text"],
  ["errors", "text"],
  ["metadata", "text"],
  ["progress", "text"],
  ["logs", "text"],
  ["return_value", "text"],
];

function buildStatements(tables: TableNames): PostgresStatements {
  return {
    ...claimStatements(tables),
    ...completionStatements(tables),
    ...sessionStatements(tables),
    ...pruneStatements(tables),
  };
}

function completionStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  | "lockRows"
  | "succeed"
  | "succeedById"
  | "saveRows"
  | "freeStartedKeys"
  | "updateRunning"
  | "readStates"
> {
  const { results, paused } = postgresNames(tables);
  // Taken apart once for the statement; a scalar subquery is not run again for each row.
  const byAttempt = `((select $2::text::jsonb) -> (${ATTEMPT}))`;
  const saved = (index: number): string => `((select $2::text::jsonb) -> id ->> ${index})`;
  // A join would be as quick, until the planner takes the table for a small one and reads it all.
  const succeed = (
    where: string,
  ): string => `update ${results} set phase = 4, finished_at = ${ONE_NOW}, return_value = ${byAttempt} #>> '{}',
  unique_key = case when unique_scope = 'window' then unique_key end
where ${where} and ${isPhase(3)} and cancel_requested = 0 and ${byAttempt} is not null
returning ${ATTEMPT} as attempt`;
  return {
    lockRows: `select ${COLUMNS} from ${results} where ${hasIdOf(results, "$1", "$2", "$3")} order by seq for update`,
    succeed: succeed("seq = any(array(select unnest($1::text::bigint[])))"),
    succeedById: succeed(hasIdOf(results, "$1", "$3", "$4")),
    saveRows: `update ${results} set phase = case when ${saved(0)}::smallint = 1 and ${saved(1)}::bigint > ${ONE_NOW} then 2 else ${saved(0)}::smallint end,
  ${SAVED.map(([name, type], index) => `${name} = ${saved(index + 1)}::${type}`).join(", ")},
  unique_key = case when ${saved(5)} is null or unique_scope = 'window' then unique_key end
where ${hasIdOf(results, "$1", "$3", "$4")}`,
    freeStartedKeys: `update ${results} set unique_key = null
where ${hasIdOf(results, "$1", "$3", "$4")} and ${isPhase(3)} and ${ATTEMPT} = any(${list("$2")}) and unique_scope = 'until-started'`,
    updateRunning: `update ${results} set progress = coalesce(${byAttempt} ->> 0, progress),
  metadata = coalesce(${byAttempt} ->> 1, metadata), logs = coalesce(${byAttempt} ->> 2, logs)
where ${hasIdOf(results, "$1", "$3", "$4")} and ${isPhase(3)} and ${byAttempt} is not null`,
    readStates: `select id, fence, session_id, phase, cancel_requested, ((backend, queue_name) in (select backend, queue_name from ${paused}))::int as is_paused from ${results} where ${hasIdOf(results, "$1", "$2", "$3")}`,
  };
}

function sessionStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  "renewLease" | "giveBack" | "endSession" | "readSessions" | "lockLost" | "deleteSession"
> {
  const { results, workers } = postgresNames(tables);
  const ofRunning = (where: string): string =>
    `(select session_id from ${results} where phase = 3 and backend = $1 ${where} order by session_id limit 1)`;
  return {
    renewLease: `insert into ${workers} as worker (session_id, backend, worker_id, queue_names, concurrency, lease_ms, started_at, last_seen_at, heartbeat)
values ($1, $2, $3, $4, $5, $6, ${NOW}, ${NOW}, ${NOW})
on conflict (session_id) do update set last_seen_at = excluded.last_seen_at, heartbeat = worker.heartbeat + 1 where worker.heartbeat > 0`,
    /** Parameters: the backend, the session, who holds the attempts then, and the attempts. */
    giveBack: `update ${results} set session_id = $3 where phase = 3 and backend = $1 and session_id = $2
and (id, fence) in (select value ->> 0, (value ->> 1)::bigint from jsonb_array_elements($4::text::jsonb))`,
    // Kept as ended for a while, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set heartbeat = 0 where session_id = $1`,
    // Leaps from one session of running rows to the next in their index, so that its cost is the number of sessions.
    readSessions: `with recursive found(name) as (
  ${ofRunning("and session_id is not null")}
  union all
  select ${ofRunning("and session_id > found.name")} from found where found.name is not null)
select session_id, lease_ms, heartbeat, (select count(*) from found where name = session_id) as is_holder from ${workers} where backend = $1
union all
select name, 0, 0, 1 from found where name is not null and not exists (select 1 from ${workers} where session_id = name)
union all
select '', 0, 0, 1 where exists (select 1 from ${results} where phase = 3 and backend = $1 and session_id is null)`,
    // Passing over rows that another transaction holds: the others need not wait for them.
    lockLost: `select ${LOST} from ${results}
where phase = 3 and backend = $1 and (session_id is null or session_id = any(${list("$2")}))
order by seq limit $3 for update skip locked`,
    deleteSession: `delete from ${workers} where session_id = $1 and heartbeat = $2`,
  };
}

function pruneStatements(
  tables: TableNames,
): Pick<
  PostgresStatements,
  "deleteFinished" | "deleteFinishedOf" | "deleteRow" | "countFinished" | "countFinishedOf"
> {
  const { results, keys } = postgresNames(tables);
  // A result stays while the window of its unique key lasts: whoever enqueues the task again is given it.
  const finished = `from ${results} where backend = $1 and phase = $2 and finished_at <= $3
  and (unique_key is null or unique_until is null or unique_until <= ${NOW})`;
  const ofQueues = (names: string): string => `and queue_name = any(${list(names)})`;
  /** With the rows go the keys they have taken. */
  const deleteOf = (rows: string): string => `with gone as (
  delete from ${results} where ${rows} returning seq, unique_scope),
freed as (delete from ${keys} where holder = any(array(select seq from gone where unique_scope is not null)))
select count(*)::integer as count from gone`;
  return {
    deleteFinished: deleteOf(
      `seq = any(array(select seq ${finished} order by finished_at limit $4 for update skip locked))`,
    ),
    deleteFinishedOf: deleteOf(
      `seq = any(array(select seq ${finished} ${ofQueues("$5")} order by finished_at limit $4 for update skip locked))`,
    ),
    deleteRow: deleteOf(`${hasId(results, "$1::text", "$2::bigint", "$3")} and phase <> 3`),
    countFinished: `select count(*) as count ${finished}`,
    countFinishedOf: `select count(*) as count ${finished} ${ofQueues("$4")}`,
  };
}
