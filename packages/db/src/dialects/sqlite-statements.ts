import { RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { hasId } from "./sqlite-ids.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once. */
export type SqliteStatements = Readonly<Record<StatementName, string>>;

type StatementName =
  | "insert"
  | "insertUnique"
  | "releaseWindow"
  | "readUnique"
  | "readRow"
  | "claimOne"
  | "head"
  | "readyQueues"
  | "unknownTasks"
  | "hasDue"
  | "nextScheduled"
  | "promote"
  | "succeed"
  | "saveRow"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "endSession"
  | "findLost"
  | "hasOldSessions"
  | "deleteOldSessions"
  | "deleteFinished"
  | "deleteFinishedOf"
  | "countFinished"
  | "countFinishedOf";

const COLUMNS = RECORD_COLUMNS.join(", ");

/** What tasks of one call have in common; `insertParams` follows this order. */
const SETTINGS =
  "backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata";
const SETTING_VALUES = SETTINGS.replaceAll(/[a-z_]+/g, "?");

const inserts = new Map<string, string>();

/**
 * Stores rows that have their settings in common, and ids of ours. What is bound costs as much as what is stored, so the settings are bound once.
 *
 * Parameters: the settings; for each row seq, id tail, arguments.
 */
export function insertStatement({ prefix, results }: TableNames, rows: number): string {
  const key = `${prefix} ${rows}`;
  let text = inserts.get(key);
  if (text === undefined) {
    const values = Array.from({ length: rows }, () => "(?, ?, ?)").join(", ");
    text = `insert into ${results} (${SETTINGS}, seq, id_tail, args)
select ${SETTING_VALUES}, column1, column2, column3 from (values ${values})`;
    inserts.set(key, text);
  }
  return text;
}

/**
 * What a claim gives back. Numbers come as reals: drivers fail the whole statement over one integer that JavaScript cannot hold. What only rows with a
 * history have comes packed in one column.
 */
const CLAIMED_COLUMNS = [
  "id",
  "queue_name",
  "task_name",
  "metadata",
  "args",
  ...["seq", "fence", "priority", "due", "run_after", "enqueued_at", "max_lost"].map(
    (column) => `cast(${column} as real) as ${column}`,
  ),
  `case when fence > 1 or progress is not null or logs <> '[]' or failures <> 0
  then json_array(worker_ids || '', errors, progress, logs, started_at, failures, lost) end as history`,
].join(", ");

const BEST_FIRST = "order by priority desc, due, seq";

/** Builds the statements. Parameters are positional; a value needed twice is given twice. */
export function sqliteStatements(tables: TableNames): SqliteStatements {
  let statements = built.get(tables.prefix);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(tables.prefix, statements);
  }
  return statements;
}

const built = new Map<string, SqliteStatements>();

const claims = new Map<string, string>();

/**
 * The claim of a number of queues.
 *
 * Parameters: now, now, session, worker ids of a first attempt, worker id; for each queue backend, queue, task names, limit; with several queues the limit
 * once more.
 */
export function claimStatement(tables: TableNames, queues: number): string {
  const key = `${tables.prefix} ${queues}`;
  let text = claims.get(key);
  if (text === undefined) {
    const one = candidates(tables, "seq, priority, due");
    text = claimOf(
      tables,
      queues === 1
        ? `seq in (${candidates(tables, "seq")} limit ?)`
        : `seq in (select seq from (${Array.from({ length: queues }, () => `select * from (${one} limit ?)`).join(" union all ")}) ${BEST_FIRST} limit ?)`,
    );
    claims.set(key, text);
  }
  return text;
}

function claimOf({ results }: TableNames, where: string): string {
  // Damaged lists are replaced rather than appended to: one bad row must not fail the statement for the others.
  return `update ${results} set
  phase = 3, fence = fence + 1,
  started_at = coalesce(started_at, ?), last_attempted_at = ?, session_id = ?,
  worker_ids = case when worker_ids = '[]' then ?
    else json_insert(case when json_valid(worker_ids) then worker_ids else '[]' end, '$[#]', ?) end,
  unique_key = case when unique_scope = 'until-started' then null else unique_key end
where ${where}
returning ${CLAIMED_COLUMNS}`;
}

/** Ready rows of one queue, best first, of tasks the worker knows. The index is named, so that no statistics ever lead away from it. */
function candidates({ results }: TableNames, columns: string): string {
  return `select ${columns} from ${results} indexed by ${results}_ready
  where phase = 1 and backend = ? and queue_name = ? and task_name in (select value from json_each(?))
  ${BEST_FIRST}`;
}

function buildStatements(tables: TableNames): SqliteStatements {
  const { results, workers, paused } = tables;
  const byId = hasId(results);
  const finished = `from ${results} indexed by ${results}_finished where backend = ? and phase = ? and finished_at <= ?`;
  const ofQueues = "and queue_name in (select value from json_each(?))";
  /** Leaps from one value of an index's second column to the next, so that its cost is the number of values. */
  const distinct = (column: string, phase: number, index: string): string =>
    `with recursive found(name) as (
  select min(${column}) from ${results} indexed by ${index} where phase = ${phase} and backend = ?
  union all
  select (select min(${column}) from ${results} indexed by ${index} where phase = ${phase} and backend = ? and ${column} > found.name)
  from found where found.name is not null)`;
  return {
    insert: `insert into ${results} (${SETTINGS}, id_tail, given_id, args) values (${SETTING_VALUES}, ?, ?, ?) returning seq`,
    insertUnique: `insert into ${results} (${SETTINGS}, id_tail, given_id, args, unique_key, unique_scope, unique_until)
values (${SETTING_VALUES}, ?, ?, ?, ?, ?, ?)
on conflict (backend, unique_key) where unique_key is not null do nothing returning seq`,
    releaseWindow: `update ${results} set unique_key = null where backend = ? and unique_key = ? and unique_until <= ?`,
    readUnique: `select ${COLUMNS} from ${results} where backend = ? and unique_key = ?`,
    readRow: `select ${COLUMNS} from ${results} where ${byId} and backend = ?`,

    claimOne: claimOf(
      tables,
      `${byId} and backend = ? and phase in (1, 2) and task_name in (select value from json_each(?))`,
    ),
    /** Parameters: backend, queue, names, backend, queue. */
    head: `select * from (${candidates(tables, "seq, priority, due")} limit 1)
where not exists (select 1 from ${paused} where backend = ? and queue_name = ?)`,
    readyQueues: `${distinct("queue_name", 1, `${results}_ready`)} select name from found where name is not null`,
    unknownTasks: `select distinct task_name from ${results} indexed by ${results}_ready
where phase = 1 and backend = ? and queue_name in (select value from json_each(?))
  and task_name not in (select value from json_each(?)) limit 10`,

    hasDue: `select 1 from ${results} indexed by ${results}_scheduled where phase = 2 and backend = ? and due <= ? limit 1`,
    nextScheduled: `select due from ${results} indexed by ${results}_scheduled where phase = 2 and backend = ? order by due limit 1`,
    promote: `update ${results} set phase = 1 where seq in (
  select seq from ${results} indexed by ${results}_scheduled where phase = 2 and backend = ? and due <= ? order by due limit ?)`,

    succeed: `update ${results} set phase = 4, finished_at = ?, return_value = ?,
  unique_key = case when unique_scope = 'window' then unique_key end
where ${byId} and fence = ? and phase = 3 and cancel_requested = 0`,
    saveRow: `update ${results} set phase = ?, due = ?, run_after = ?, started_at = ?,
  last_attempted_at = ?, finished_at = ?, failures = ?, lost = ?, cancel_requested = ?, exception_class = ?,
  unique_key = case when ? = 0 or unique_scope = 'window' then unique_key end,
  worker_ids = ?, errors = ?, metadata = ?, progress = ?, logs = ?, return_value = ?
where ${byId} and backend = ?`,
    updateRunning: `update ${results} set progress = coalesce(?, progress), metadata = coalesce(?, metadata), logs = coalesce(?, logs)
where ${byId} and fence = ? and phase = 3`,
    readStates: `select id, fence, phase, cancel_requested
from (select value ->> 0 as asked_id, value ->> 1 as asked_seq from json_each(?)) cross join ${results}
where ${hasId(results, "asked_id", "asked_seq")}`,

    renewLease: `insert into ${workers} (session_id, backend, worker_id, queue_names, concurrency, started_at, last_seen_at, expires_at)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (session_id) do update set last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at where expires_at > 0`,
    // Kept with a lease of 1970 until it is forgotten, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set expires_at = 0 where session_id = ?`,
    findLost: `${distinct("session_id", 3, `${results}_running`)}
select id from ${results} indexed by ${results}_running where phase = 3 and backend = ? and session_id in (
  select name from found where name is not null
    and not exists (select 1 from ${workers} where session_id = name and expires_at > ?))
union all
select id from ${results} indexed by ${results}_running where phase = 3 and backend = ? and session_id is null
limit ?`,
    hasOldSessions: `select 1 from ${workers} where backend = ? and expires_at < ? limit 1`,
    deleteOldSessions: `delete from ${workers} where backend = ? and expires_at < ?`,

    deleteFinished: `delete from ${results} where seq in (select seq ${finished} order by finished_at limit ?)`,
    deleteFinishedOf: `delete from ${results} where seq in (select seq ${finished} ${ofQueues} order by finished_at limit ?)`,
    countFinished: `select count(*) as count ${finished}`,
    countFinishedOf: `select count(*) as count ${finished} ${ofQueues}`,
  };
}
