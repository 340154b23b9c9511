import { RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { BYTEWISE, mysqlNames, NOW } from "./mysql-names.ts";

/** Statements that store tasks. Lists travel as JSON text. */
export interface MysqlInsertStatements {
  /** The server's time, and whether a transaction is open, where the server says so. */
  readonly present: string;
  readonly insert: string;
  readonly insertMany: string;
  readonly takeKeys: string;
  readonly takeKeysImpatiently: string;
  readonly takeOverKeys: string;
  readonly findIds: string;
  readonly findKeys: string;
  readonly readHolders: string;
  readonly hasId: string;
  /** What a caller's transaction runs: nothing is stored outside of it. */
  readonly inTransaction: Pick<
    MysqlInsertStatements,
    "insert" | "insertMany" | "takeKeys" | "takeOverKeys"
  >;
}

const built = new Map<string, MysqlInsertStatements>();

/** Statements of one set of tables. */
export function mysqlInsertStatements(tables: TableNames): MysqlInsertStatements {
  const key = JSON.stringify([tables.schema, tables.results]);
  let statements = built.get(key);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(key, statements);
  }
  return statements;
}

const TEXT = `longtext ${BYTEWISE}`;
const SHORT_TEXT = `varchar(255) ${BYTEWISE}`;
const COLUMNS =
  "backend, enqueued_at, id, queue_name, task_name, priority, max_lost, metadata, args, phase, due, run_after, unique_key, unique_scope, unique_until";

/** Without autocommit, a transaction begins with the first statement. Only MariaDB lets a statement ask. */
const IS_OPEN = "/*M! and (@@in_transaction = 1 or @@autocommit = 0) */";
/** MariaDB fails at once where it would have to wait; MySQL waits for as long as the connection says. */
const IMPATIENT = "/*M!100301 set statement innodb_lock_wait_timeout = 0 for */";

function jsonRows(...columns: readonly string[]): string {
  const entries = columns.map((column, index) => `${column} path '$[${index}]'`);
  return `json_table(?, '$[*]' columns (${entries.join(", ")})) given`;
}

function buildStatements(tables: TableNames): MysqlInsertStatements {
  const { results, keys, index } = mysqlNames(tables);
  const rows = jsonRows(
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
    `unique_key ${SHORT_TEXT}`,
    `unique_scope ${SHORT_TEXT}`,
    "unique_until bigint",
  );
  const marks = Array.from({ length: 15 }, () => "?").join(", ");
  const ids = jsonRows(`id ${SHORT_TEXT}`);
  const names = jsonRows(`unique_key ${SHORT_TEXT}`);
  const takings = jsonRows(
    `unique_key ${SHORT_TEXT}`,
    `holder ${SHORT_TEXT}`,
    `replaces ${SHORT_TEXT}`,
  );
  const record = RECORD_COLUMNS.map((column) => `r.${column}`).join(", ");
  const inserts = (isOpen: string): MysqlInsertStatements["inTransaction"] => ({
    insert:
      isOpen === ""
        ? `insert into ${results} (${COLUMNS}) values (${marks})`
        : `insert into ${results} (${COLUMNS}) select ${marks} from dual where true ${isOpen}`,
    insertMany: `insert into ${results} (${COLUMNS})
select ?, ?, given.id, given.queue_name, given.task_name, given.priority, given.max_lost, given.metadata, given.args, given.phase, given.due, given.run_after,
  given.unique_key, given.unique_scope, given.unique_until from ${rows} where true ${isOpen}`,
    // In one order, so that two who take the same keys do not wait for each other.
    takeKeys: `insert ignore into ${keys} (backend, unique_key, holder) select ?, given.unique_key, given.holder from ${takings} where true ${isOpen} order by given.unique_key`,
    takeOverKeys: `update ${takings} straight_join ${keys} k force index (primary) on k.backend = ? and k.unique_key = given.unique_key
set k.holder = given.holder where k.holder = given.replaces ${isOpen}`,
  });
  return {
    present: `select ${NOW} as now, /*M! (@@in_transaction = 1 or @@autocommit = 0) + 0 * */ 1 as is_open`,
    ...inserts(""),
    takeKeysImpatiently: `${IMPATIENT} ${inserts("").takeKeys}`,
    findIds: `select ${record} from ${ids} straight_join ${results} r force index (${index("id")}) on r.id = given.id and r.backend = ?`,
    // Looks without locks: neither a key nor what holds it may be held up by whoever asks for it.
    findKeys: `select k.unique_key as taken_key, k.holder, ${record}
from ${names} straight_join ${keys} k force index (primary) on k.backend = ? and k.unique_key = given.unique_key
left join ${results} r force index (${index("id")}) on r.id = k.holder and r.backend = k.backend and r.unique_key = k.unique_key
  and coalesce(r.unique_until > ${NOW}, 1)`,
    readHolders: `select k.holder from ${names} straight_join ${keys} k force index (primary) on k.backend = ? and k.unique_key = given.unique_key`,
    hasId: `select 1 as found from ${results} where id = ? and backend = ?`,
    inTransaction: inserts(IS_OPEN),
  };
}
