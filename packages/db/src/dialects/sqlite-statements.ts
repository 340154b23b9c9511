import { LOST_COLUMNS, NUMBER_COLUMNS, RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { claimStatements, leaps, type ClaimStatements } from "./sqlite-claim-statements.ts";
import { hasId } from "./sqlite-ids.ts";

/** Statements of one set of tables. Texts are built once; connections prepare them once. */
export type SqliteStatements = Readonly<Record<StatementName, string>> & ClaimStatements;

type StatementName =
  | "insert"
  | "insertUnique"
  | "lock"
  | "takeKey"
  | "readHolder"
  | "readRow"
  | "readRows"
  | "succeed"
  | "saveRow"
  | "freeStartedKey"
  | "updateRunning"
  | "readStates"
  | "renewLease"
  | "giveBack"
  | "endSession"
  | "readSessions"
  | "readLost"
  | "deleteSession"
  | "deleteRow"
  | "deleteKeys"
  | "deleteFinished"
  | "deleteFinishedOf"
  | "countFinished"
  | "countFinishedOf";

const COLUMNS = RECORD_COLUMNS.map(readAs).join(", ");
const LOST = LOST_COLUMNS.map(readAs).join(", ");

/** Numbers come as reals: drivers fail the whole statement over one integer that JavaScript cannot hold. */
export function readColumn(column: string): string {
  return NUMBER_COLUMNS.has(column) ? `cast(${column} as real)` : column;
}

function readAs(column: string): string {
  return NUMBER_COLUMNS.has(column) ? `${readColumn(column)} as ${column}` : column;
}

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

/** Ids as `idList` gives them, and the rows that they name. */
const ASKED_IDS = "(select value ->> 0 as asked_id, value ->> 1 as asked_seq from json_each(?))";

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

function buildStatements(tables: TableNames): SqliteStatements {
  const { results, workers, keys, paused } = tables;
  const byId = hasId(results);
  // A result stays while the window of its unique key lasts: whoever enqueues the task again is given it.
  const finished = `from ${results} indexed by ${results}_finished where backend = ? and phase = ? and finished_at <= ?
  and (unique_key is null or unique_until is null or unique_until <= ?)`;
  const ofQueues = "and queue_name in (select value from json_each(?))";
  return {
    ...claimStatements(tables),
    insert: `insert into ${results} (${SETTINGS}, id_tail, given_id, args) values (${SETTING_VALUES}, ?, ?, ?) returning seq`,
    insertUnique: `insert into ${results} (${SETTINGS}, id_tail, given_id, args, unique_key, unique_scope, unique_until)
values (${SETTING_VALUES}, ?, ?, ?, ?, ?, ?) returning seq`,
    /** Changes nothing, and takes the write lock. */
    lock: `delete from ${keys} where false`,
    takeKey: `insert into ${keys} (backend, unique_key, holder) values (?, ?, ?)
on conflict (backend, unique_key) do update set holder = excluded.holder`,
    /** Parameters: twice the backend and the key, and the present. */
    readHolder: `select ${COLUMNS} from ${results} where seq = (select holder from ${keys} where backend = ? and unique_key = ?)
  and backend = ? and unique_key = ? and coalesce(unique_until > ?, 1)`,
    readRow: `select ${COLUMNS} from ${results} where ${byId}`,
    /** Parameters: a list of ids, the backend, the backend. */
    readRows: `select ${COLUMNS} from ${ASKED_IDS} cross join ${results} where ${hasId(results, "asked_id", "asked_seq")}`,

    succeed: `update ${results} set phase = 4, finished_at = ?, return_value = ?,
  unique_key = case when unique_scope = 'window' then unique_key end
where ${byId} and fence = ? and session_id = ? and phase = 3 and cancel_requested = 0`,
    saveRow: `update ${results} set phase = ?, due = ?, run_after = ?, started_at = ?,
  last_attempted_at = ?, finished_at = ?, failures = ?, lost = ?, cancel_requested = ?, exception_class = ?,
  worker_ids = ?, errors = ?, metadata = ?, progress = ?, logs = ?, return_value = ?,
  unique_key = case when ? is null or unique_scope = 'window' then unique_key end
where ${byId}`,
    freeStartedKey: `update ${results} set unique_key = null
where ${byId} and fence = ? and session_id = ? and phase = 3 and unique_scope = 'until-started'`,
    updateRunning: `update ${results} set progress = coalesce(?, progress), metadata = coalesce(?, metadata), logs = coalesce(?, logs)
where ${byId} and fence = ? and session_id = ? and phase = 3`,
    readStates: `select id, cast(fence as real) as fence, session_id, phase, cancel_requested, (backend, queue_name) in (select backend, queue_name from ${paused}) as is_paused
from ${ASKED_IDS} cross join ${results}
where ${hasId(results, "asked_id", "asked_seq")}`,

    renewLease: `insert into ${workers} (session_id, backend, worker_id, queue_names, concurrency, lease_ms, started_at, last_seen_at, heartbeat)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (session_id) do update set last_seen_at = excluded.last_seen_at, heartbeat = heartbeat + 1 where heartbeat > 0`,
    /** Parameters: who holds the attempts then, the backend, the session, and the attempts. */
    giveBack: `update ${results} indexed by ${results}_running set session_id = ? where phase = 3 and backend = ? and session_id = ?
and (id, fence) in (select value ->> 0, value ->> 1 from json_each(?))`,
    // Kept as ended for a while, so that a renewal on its way does not bring it back.
    endSession: `update ${workers} set heartbeat = 0 where session_id = ?`,
    /** Parameters: five times the backend. */
    readSessions: `with recursive ${leaps("session_id", `from ${results} indexed by ${results}_running where phase = 3 and backend = ?`)}
select session_id, lease_ms, heartbeat, exists (select 1 from ${results} indexed by ${results}_running
  where phase = 3 and backend = ? and session_id = worker.session_id) as is_holder
from ${workers} as worker where backend = ?
union all
select name, 0, 0, 1 from found where name is not null and not exists (select 1 from ${workers} where session_id = name)
union all
select '', 0, 0, 1 where exists (select 1 from ${results} indexed by ${results}_running where phase = 3 and backend = ? and session_id is null)`,
    readLost: `select ${LOST} from ${results} indexed by ${results}_running
where phase = 3 and backend = ? and (session_id is null or session_id in (select value from json_each(?))) limit ?`,
    deleteSession: `delete from ${workers} where session_id = ? and heartbeat = ?`,

    deleteRow: `delete from ${results} where ${byId} and phase <> 3 returning seq, unique_scope`,
    deleteKeys: `delete from ${keys} where holder in (select value from json_each(?))`,
    deleteFinished: `delete from ${results} where seq in (select seq ${finished} order by finished_at limit ?) returning seq, unique_scope`,
    deleteFinishedOf: `delete from ${results} where seq in (select seq ${finished} ${ofQueues} order by finished_at limit ?) returning seq, unique_scope`,
    countFinished: `select count(*) as count ${finished}`,
    countFinishedOf: `select count(*) as count ${finished} ${ofQueues}`,
  };
}
