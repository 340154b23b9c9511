import { LOST_COLUMNS, RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { claimStatements, type ClaimStatements } from "./mysql-claim-statements.ts";
import { byCount, BYTEWISE, marks, mysqlNames, NOW, type MysqlNames } from "./mysql-names.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once. */
export type MysqlStatements = Readonly<Record<StatementName, string>> &
  Readonly<Record<ListStatementName, (count: number) => string>> &
  ClaimStatements;

type StatementName =
  | "lockRows"
  | "succeed"
  | "succeeded"
  | "saveRows"
  | "freeStartedKeys"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "giveBack"
  | "endSession"
  | "readSessions"
  | "findLost"
  | "deleteSession"
  | "deleteRow"
  | "deleteKeys"
  | "deleteFinished";

/** Statements with a list, by its length. */
type ListStatementName = "lockLost" | "findFinished" | "countFinished";

const ROW_COLUMNS = RECORD_COLUMNS.map((column) => `r.${column}`).join(", ");
const LOST = LOST_COLUMNS.join(", ");
const LET_GO = "unique_key = case when unique_scope = 'window' then unique_key end";

/** Builds the statements. Lists whose length varies much travel as JSON text, so that their statement stays the same. */
export function mysqlStatements(tables: TableNames): MysqlStatements {
  const names = mysqlNames(tables);
  const key = names.results;
  let statements = built.get(key);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(names));
    built.set(key, statements);
  }
  return statements;
}

const built = new Map<string, MysqlStatements>();

function buildStatements(tables: MysqlNames): MysqlStatements {
  return {
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

const TEXT = `longtext ${BYTEWISE}`;
const SHORT_TEXT = `varchar(255) ${BYTEWISE}`;

/** The phase, and the columns of `savedValues`. */
const SAVED = [
  "phase int",
  ...["due", "run_after", "started_at", "last_attempted_at", "finished_at"].map(
    (column) => `${column} bigint`,
  ),
  ...["failures", "lost", "cancel_requested"].map((column) => `${column} int`),
  `exception_class ${SHORT_TEXT}`,
  ...["worker_ids", "errors", "metadata", "progress", "logs", "return_value"].map(
    (column) => `${column} ${TEXT}`,
  ),
];

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function completionStatements({ results, paused, index }: MysqlNames) {
  const id = `id ${SHORT_TEXT}`;
  const ref = [id, "fence int", `session_id ${SHORT_TEXT}`];
  const isOwn = "r.fence = t.fence and r.session_id = t.session_id";
  const byAttempt = `straight_join ${results} r force index (${index("id")}) on r.id = t.id`;
  return {
    lockRows: `select ${ROW_COLUMNS} from ${jsonRows("t", id)} ${byAttempt} where r.backend = ? for update`,
    succeed: `update ${jsonRows("t", ...ref, `return_value ${TEXT}`)} ${byAttempt}
set r.phase = 4, r.finished_at = ${NOW}, r.return_value = t.return_value, r.${LET_GO}
where r.phase = 3 and ${isOwn} and r.cancel_requested = 0`,
    succeeded: `select r.id, r.fence, r.session_id from ${jsonRows("t", ...ref)} ${byAttempt} where r.phase = 4 and ${isOwn}`,
    saveRows: `update ${jsonRows("t", id, ...SAVED)} ${byAttempt}
set r.phase = case when t.phase = 1 and t.due > ${NOW} then 2 else t.phase end,
  ${SAVED.slice(1)
    .map((column) => column.split(" ")[0])
    .map((name) => `r.${name} = t.${name}`)
    .join(", ")},
  r.unique_key = case when t.finished_at is null or r.unique_scope = 'window' then r.unique_key end
where r.backend = ?`,
    freeStartedKeys: `update ${jsonRows("t", ...ref)} ${byAttempt}
set r.unique_key = null where r.phase = 3 and ${isOwn} and r.unique_scope = 'until-started'`,
    updateRunning: `update ${jsonRows("t", ...ref, `progress ${TEXT}`, `metadata ${TEXT}`, `logs ${TEXT}`)} ${byAttempt}
set r.progress = coalesce(t.progress, r.progress), r.metadata = coalesce(t.metadata, r.metadata), r.logs = coalesce(t.logs, r.logs)
where r.phase = 3 and ${isOwn}`,
    readStates: `select r.id, r.fence, r.session_id, r.phase, r.cancel_requested, (r.backend, r.queue_name) in (select backend, queue_name from ${paused}) as is_paused from ${jsonRows("t", id)} ${byAttempt} and r.backend = ?`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function sessionStatements({ results, workers, index }: MysqlNames) {
  const hint = `force index (${index("phase")})`;
  return {
    renewLease: `insert into ${workers} (session_id, backend, worker_id, queue_names, concurrency, lease_ms, started_at, last_seen_at, heartbeat)
values (?, ?, ?, ?, ?, ?, ${NOW}, ${NOW}, ${NOW})
on duplicate key update last_seen_at = if(heartbeat > 0, ${NOW}, last_seen_at), heartbeat = if(heartbeat > 0, heartbeat + 1, 0)`,
    /** Parameters: who holds the attempts then, the backend, the session, and the attempts. */
    giveBack: `update ${results} ${hint} set session_id = ? where backend = ? and phase = 3 and lane = ?
and (id, fence) in (select id, fence from ${jsonRows("t", `id ${SHORT_TEXT}`, "fence int")})`,
    // Kept as ended for a while, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set heartbeat = 0 where session_id = ?`,
    /** Parameters: three times the backend. */
    readSessions: `select session_id, lease_ms, heartbeat, exists (select 1 from ${results} ${hint}
  where backend = ? and phase = 3 and lane = worker.session_id) as is_holder from ${workers} worker where backend = ?
union all
select lane, 0, 0, 1 from (select distinct lane from ${results} ${hint} where backend = ? and phase = 3) held
where not exists (select 1 from ${workers} where session_id = lane)`,
    findLost: `select r.seq from ${jsonRows("t", `session_id ${SHORT_TEXT}`)}
straight_join ${results} r ${hint} on r.backend = ? and r.phase = 3 and r.lane = t.session_id order by r.seq limit ?`,
    lockLost: byCount(
      (count) =>
        `select ${LOST} from ${results} force index (primary) where seq in (${marks(count)}) and phase = 3 order by seq for update skip locked`,
    ),
    deleteSession: `delete from ${workers} where session_id = ? and heartbeat = ?`,
  };
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the names say it
function pruneStatements({ results, keys, keysIndex, index }: MysqlNames) {
  // A result stays while the window of its unique key lasts: whoever enqueues the task again is given it.
  const finished = `from ${results} force index (${index("phase")})
where backend = ? and phase = ? and lane = '' and place = 0 and finished_at <= ?
  and (unique_key is null or unique_until is null or unique_until <= ${NOW})`;
  const ofQueues = byCount((queues) => `and queue_name in (${marks(queues)})`);
  return {
    /** Count of queues; 0 for all of them. */
    findFinished: byCount(
      (queues) =>
        `select seq, if(unique_scope is null, null, id) as holder ${finished} ${queues === 0 ? "" : ofQueues(queues)} order by finished_at limit ?`,
    ),
    countFinished: byCount(
      (queues) => `select count(*) as count ${finished} ${queues === 0 ? "" : ofQueues(queues)}`,
    ),
    deleteRow: `delete from ${results} where id = ? and backend = ? and phase <> 3`,
    deleteKeys: `delete k from ${jsonRows("t", `id ${SHORT_TEXT}`)} straight_join ${keys} k force index (${keysIndex}) on k.holder = t.id and k.backend = ?`,
    // A row may have been retried, and have failed anew, since it was found: its age is checked again under its lock.
    deleteFinished: `delete r from json_table(?, '$[*]' columns (seq bigint path '$')) t straight_join ${results} r force index (primary) on r.seq = t.seq
where r.backend = ? and r.phase = ? and r.finished_at <= ?`,
  };
}
