import { RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { BYTEWISE, marks, NOW } from "./mysql-names.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once. */
export type MysqlStatements = Readonly<Record<StatementName, string>> &
  Readonly<Record<ListStatementName, (count: number) => string>>;

type StatementName =
  | "insert"
  | "insertMany"
  | "insertUnique"
  | "releaseWindow"
  | "readUnique"
  | "hasId"
  | "lockOne"
  | "readyQueues"
  | "pausedQueues"
  | "nextDueInMs"
  | "findDue"
  | "workToken"
  | "lockRow"
  | "succeed"
  | "succeeded"
  | "saveRow"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "endSession"
  | "findLost"
  | "hasOldSessions"
  | "deleteOldSessions"
  | "deleteFinished";

/** Statements with a list, by its length. */
type ListStatementName =
  | "candidates"
  | "lockReady"
  | "claim"
  | "isReady"
  | "unknownTasks"
  | "lockScheduled"
  | "lockLost"
  | "promote"
  | "findFinished"
  | "countFinished";

const COLUMNS = RECORD_COLUMNS.join(", ");
/** Ready rows that the look for unknown tasks goes through. */
const UNKNOWN_ROWS = 10_000;
const SCHEDULED = "phase = 2 and lane = '' and place = 0 and finished_at is null";
const HAS_HISTORY = "(fence > 0 or progress is not null or logs <> '[]' or failures <> 0)";
const LET_GO = "unique_key = case when unique_scope = 'window' then unique_key end";

/** What a claim reads. What only rows with a history have is null for the others. */
const CLAIMED_COLUMNS = [
  ..."seq, id, fence, queue_name, task_name, priority, due, run_after, enqueued_at, max_lost, metadata, args".split(
    ", ",
  ),
  `${NOW} as claimed_at`,
  ...["worker_ids", "errors", "progress", "logs", "started_at", "failures", "lost"].map(
    (column) => `if(${HAS_HISTORY}, ${column}, null) as ${column}`,
  ),
].join(", ");

/** Builds the statements. Lists whose length varies much travel as JSON text, so that their statement stays the same. */
export function mysqlStatements(tables: TableNames): MysqlStatements {
  let statements = built.get(tables.prefix);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(tables.prefix, statements);
  }
  return statements;
}

const built = new Map<string, MysqlStatements>();

function buildStatements(tables: TableNames): MysqlStatements {
  return {
    ...insertStatements(tables),
    ...claimStatements(tables),
    ...completionStatements(tables),
    ...sessionStatements(tables),
    ...pruneStatements(tables),
  };
}

/** A JSON parameter as a table: arrays of arrays, one column per entry. */
function jsonRows(name: string, ...columns: readonly string[]): string {
  const entries = columns.map((column, index) => `${column} path '$[${index}]'`);
  return `json_table(?, '$[*]' columns (${entries.join(", ")})) ${name}`;
}

/** A text of one length, built once per length. */
function byCount(build: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>();
  return (count) => {
    const text = texts.get(count) ?? build(count);
    texts.set(count, text);
    return text;
  };
}

const TEXT = `longtext ${BYTEWISE}`;
const SHORT_TEXT = `varchar(255) ${BYTEWISE}`;

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function insertStatements({ results }: TableNames) {
  const columns =
    "backend, enqueued_at, id, queue_name, task_name, priority, max_lost, metadata, args, phase, due, run_after";
  return {
    insert: `insert into ${results} (${columns}) values (${marks(12)})`,
    insertMany: `insert into ${results} (${columns})
select ?, ?, r.id, r.queue_name, r.task_name, r.priority, r.max_lost, r.metadata, r.args, r.phase, r.due, r.run_after
from ${jsonRows(
      "r",
      `id ${SHORT_TEXT}`,
      `queue_name ${SHORT_TEXT}`,
      `task_name ${SHORT_TEXT}`,
      "priority int",
      "max_lost int",
      `metadata ${TEXT}`,
      `args ${TEXT}`,
      "phase int",
      "due bigint",
      "run_after bigint",
    )}`,
    // Assigns what is there: the row that holds the key, or the id, stays as it is.
    insertUnique: `insert into ${results} (${columns}, unique_key, unique_scope, unique_until) values (${marks(15)})
on duplicate key update seq = seq`,
    releaseWindow: `update ${results} set unique_key = null where backend = ? and unique_key = ? and unique_until <= ${NOW}`,
    // A locking read sees what others have committed, whatever the caller's isolation level is.
    readUnique: `select ${COLUMNS}, coalesce(unique_until <= ${NOW}, 0) as is_over from ${results} where backend = ? and unique_key = ? for update`,
    hasId: `select 1 from ${results} where id = ? for update`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function claimStatements({ results, paused }: TableNames) {
  const from = `from ${results} force index (${results}_phase)`;
  const byKey = `${results} force index (primary)`;
  const due = `select due ${from} where backend = ? and ${SCHEDULED} order by due limit 1`;
  // Rows that fell due meanwhile may be better than those that are ready: they are made ready first.
  const nothingDue = `not exists (select 1 ${from} where backend = ? and ${SCHEDULED} and due <= ${NOW})`;
  return {
    /** Parameters per queue: backend, queue, names, backend, backend, queue, limit. */
    candidates: byCount((queues) =>
      Array.from(
        { length: queues },
        () => `(select lane, seq, priority, due ${from}
  where backend = ? and phase = 1 and lane = ? and find_in_set(task_name, ?) and ${nothingDue}
    and not exists (select 1 from ${paused} where backend = ? and queue_name = ?)
  order by place, finished_at, due, seq limit ?)`,
      ).join(" union all "),
    ),
    lockReady: byCount(
      (count) =>
        `select ${CLAIMED_COLUMNS} from ${byKey} where seq in (${marks(count)}) and phase = 1 for update skip locked`,
    ),
    lockOne: `select ${CLAIMED_COLUMNS} from ${results}
where id = ? and backend = ? and phase in (1, 2) and find_in_set(task_name, ?) for update`,
    /** Parameters: the present twice, session, this worker as JSON, list of this worker alone, rows. */
    claim: byCount(
      (count) => `update ${byKey} set
  phase = 3, fence = fence + 1, started_at = coalesce(started_at, ?), last_attempted_at = ?, session_id = ?,
  worker_ids = case when worker_ids like '[_%]' and worker_ids <> '[]'
    then concat(left(worker_ids, char_length(worker_ids) - 1), ',', ?, ']') else ? end,
  unique_key = case when unique_scope = 'until-started' then null else unique_key end
where seq in (${marks(count)})`,
    ),
    pausedQueues: `select queue_name as name from ${paused} where backend = ?`,
    readyQueues: `select distinct lane as name ${from} where backend = ? and phase = 1`,
    isReady: byCount(
      (queues) =>
        `select 1 ${from} where backend = ? and phase = 1 and lane in (${marks(queues)}) and find_in_set(task_name, ?) limit 1`,
    ),
    nextDueInMs: `select greatest(0, (${due}) - ${NOW}) as ms`,
    unknownTasks: byCount(
      (queues) => `select distinct task_name from (
  select task_name ${from} where backend = ? and phase = 1 and lane in (${marks(queues)}) limit ${UNKNOWN_ROWS}) ready
where not find_in_set(task_name, ?) limit 10`,
    ),
    findDue: `select seq ${from} where backend = ? and ${SCHEDULED} and due <= ${NOW} order by due limit ?`,
    lockScheduled: byCount(
      (count) =>
        `select seq from ${byKey} where seq in (${marks(count)}) and phase = 2 for update skip locked`,
    ),
    promote: byCount((count) => `update ${byKey} set phase = 1 where seq in (${marks(count)})`),
    // Tells of new rows by the highest number, of those that are ready again by the best one, and of queues that go on.
    workToken: `select concat_ws(' ', (select max(seq) from ${results}),
  (select seq ${from} where backend = ? and phase = 1 order by lane, place, finished_at, due, seq limit 1),
  (select concat_ws('/', count(*), max(paused_at)) from ${paused} where backend = ?)) as token`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function completionStatements({ results }: TableNames) {
  const id = `id ${SHORT_TEXT}`;
  const byAttempt = `straight_join ${results} r force index (${results}_id) on r.id = t.id`;
  return {
    lockRow: `select ${COLUMNS} from ${results} where id = ? and backend = ? for update`,
    succeed: `update ${jsonRows("t", id, "fence int", `return_value ${TEXT}`)} ${byAttempt}
set r.phase = 4, r.finished_at = ${NOW}, r.return_value = t.return_value, r.${LET_GO}
where r.phase = 3 and r.fence = t.fence and r.cancel_requested = 0`,
    succeeded: `select r.id, r.fence from ${jsonRows("t", id, "fence int")} ${byAttempt} where r.phase = 4 and r.fence = t.fence`,
    saveRow: `update ${results} set phase = case when ? = 1 and ? > ${NOW} then 2 else ? end,
  due = ?, run_after = ?, started_at = ?, last_attempted_at = ?, finished_at = ?,
  failures = ?, lost = ?, cancel_requested = ?, exception_class = ?,
  unique_key = case when ? = 0 or unique_scope = 'window' then unique_key end,
  worker_ids = ?, errors = ?, metadata = ?, progress = ?, logs = ?, return_value = ?
where id = ? and backend = ?`,
    updateRunning: `update ${jsonRows("t", id, "fence int", `progress ${TEXT}`, `metadata ${TEXT}`, `logs ${TEXT}`)} ${byAttempt}
set r.progress = coalesce(t.progress, r.progress), r.metadata = coalesce(t.metadata, r.metadata), r.logs = coalesce(t.logs, r.logs)
where r.phase = 3 and r.fence = t.fence`,
    readStates: `select r.id, r.fence, r.phase, r.cancel_requested from ${jsonRows("t", id)} ${byAttempt}`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function sessionStatements({ results, workers }: TableNames) {
  const hint = `force index (${results}_phase)`;
  return {
    renewLease: `insert into ${workers} (session_id, backend, worker_id, queue_names, concurrency, started_at, last_seen_at, expires_at)
values (?, ?, ?, ?, ?, ${NOW}, ${NOW}, ${NOW} + ?)
on duplicate key update last_seen_at = if(expires_at > 0, ${NOW}, last_seen_at), expires_at = if(expires_at > 0, ${NOW} + ?, 0)`,
    // Kept with a lease of 1970 until it is forgotten, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set expires_at = 0 where session_id = ?`,
    findLost: `select r.seq from (select distinct lane from ${results} ${hint} where backend = ? and phase = 3) held
straight_join ${results} r ${hint} on r.backend = ? and r.phase = 3 and r.lane = held.lane
where not exists (select 1 from ${workers} where session_id = held.lane and expires_at > ${NOW})
order by r.seq limit ?`,
    lockLost: byCount(
      (count) =>
        `select id from ${results} force index (primary) where seq in (${marks(count)}) and phase = 3 order by seq for update skip locked`,
    ),
    hasOldSessions: `select 1 from ${workers} where backend = ? and expires_at < ${NOW} - ? limit 1`,
    deleteOldSessions: `delete from ${workers} where backend = ? and expires_at < ${NOW} - ?`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function pruneStatements({ results }: TableNames) {
  const finished = `from ${results} force index (${results}_phase)
where backend = ? and phase = ? and lane = '' and place = 0 and finished_at <= ?`;
  const ofQueues = byCount((queues) => `and queue_name in (${marks(queues)})`);
  return {
    /** Count of queues; 0 for all of them. */
    findFinished: byCount(
      (queues) =>
        `select seq ${finished} ${queues === 0 ? "" : ofQueues(queues)} order by finished_at limit ?`,
    ),
    countFinished: byCount(
      (queues) => `select count(*) as count ${finished} ${queues === 0 ? "" : ofQueues(queues)}`,
    ),
    deleteFinished: `delete r from json_table(?, '$[*]' columns (seq bigint path '$')) t straight_join ${results} r force index (primary) on r.seq = t.seq where r.phase = ?`,
  };
}
