import type { TableNames } from "../tables.ts";
import { withNames, type NamedStatement } from "./named-params.ts";
import { hasId } from "./sqlite-ids.ts";
import { FENCES } from "./values.ts";

/** What the statements are given. Lists are JSON arrays. */
export type ClaimParam =
  | "backend"
  /** The id of one row, and its number. */
  | "id"
  | "seq"
  /** Names of the tasks the worker knows. */
  | "tasks"
  /** Queues to serve. */
  | "queues"
  /** Queues to leave out. */
  | "barred"
  /** Queues to claim ready rows from; one of them. */
  | "readyQueues"
  | "readyQueue"
  | "limit"
  | "now"
  | "session"
  | "worker"
  | "firstWorkers";

type Statement = NamedStatement<ClaimParam>;

/** Statements that find and claim what is due: ready rows, and scheduled rows whose time has come. */
export interface ClaimStatements {
  readonly claimOne: Statement;
  /** Claims ready rows of one queue, and of several. */
  readonly claimQueue: Statement;
  readonly claimQueues: Statement;
  readonly pausedQueues: Statement;
  readonly scheduledQueues: Statement;
  /** About some queues. */
  readonly ofQueues: SearchStatements;
  /** About all queues but some. */
  readonly ofAll: SearchStatements;
}

/** Statements that search some queues, or all. */
export interface SearchStatements {
  /** The queues whose first ready rows are the best. */
  readonly readyQueues: Statement;
  readonly unknownReady: Statement;
  readonly hasDue: Statement;
  /** When the next scheduled row falls due. */
  readonly nextDue: Statement;
  /** Claims ready rows of `readyQueues`, and scheduled rows that are due. */
  readonly claim: Statement;
  readonly unknownDue: Statement;
}

const BEST_FIRST = "order by priority desc, due, seq";
/** Due rows of a priority that the search for unknown tasks reads. */
const UNKNOWN_ROWS = 10_000;
const IS_KNOWN = "task_name in (select value from json_each(:tasks))";

/**
 * The columns a claim returns. Numbers come as reals: drivers fail the whole statement over one integer that JavaScript cannot hold. The history that
 * few rows have is packed in one column.
 */
const CLAIMED_COLUMNS = [
  "id",
  "queue_name",
  "task_name",
  "metadata",
  "args",
  "(unique_scope is 'until-started' and unique_key is not null) as holds_key",
  ...["seq", "fence", "priority", "due", "run_after", "enqueued_at", "max_lost"].map(
    (column) => `cast(${column} as real) as ${column}`,
  ),
  `case when fence > 1 or progress is not null or logs <> '[]' or failures <> 0 or errors <> '[]'
  then json_array(worker_ids || '', errors, progress, logs, started_at, failures, lost) end as history`,
].join(", ");

/** Builds the statements that claim. Indexes are named in them, so that no statistics ever lead away from those. */
export function claimStatements(tables: TableNames): ClaimStatements {
  const { results, paused } = tables;
  const claim = (where: string): Statement => withNames(claimOf(tables, where));
  const ready = (
    queue: string,
    limit: string,
  ): string => `select seq from ${rowsOf(tables, 1, "ready")}
  and queue_name = ${queue} and ${IS_KNOWN} ${BEST_FIRST} limit ${limit}`;
  const readyRows = `select r.seq, r.priority, r.due from json_each(:readyQueues) queue
  cross join ${results} r on r.seq in (${ready("queue.value", ":limit")})`;
  const best = (queues: string, where: string): Statement =>
    withNames(`with recursive ${queues}
select name from found cross join ${results} r on r.seq = (${ready("found.name", "1")})
where ${where} order by r.priority desc, r.due, r.seq limit :limit`);
  const unknown = (queues: string): Statement =>
    withNames(
      `select distinct task_name from ${rowsOf(tables, 1, "ready")} and ${queues} and not ${IS_KNOWN} limit 10`,
    );
  const isPaused = (queue: string): string =>
    `exists (select 1 from ${paused} where backend = :backend and queue_name = ${queue})`;
  const isBarred = (queue: string): string => `${queue} in (select value from json_each(:barred))`;
  return {
    claimOne: claim(
      `${hasId(results, ":id", ":seq", ":backend")} and phase in (1, 2) and ${IS_KNOWN}`,
    ),
    claimQueue: claim(`seq in (${ready(":readyQueue", ":limit")})`),
    claimQueues: claim(`seq in (select seq from (${readyRows}) ${BEST_FIRST} limit :limit)`),
    pausedQueues: withNames(`select queue_name as name from ${paused} where backend = :backend`),
    scheduledQueues:
      withNames(`with recursive ${leaps("queue_name", `from ${rowsOf(tables, 2, "scheduled_queue")}`)}
select name from found where name is not null limit :limit`),
    ofQueues: {
      readyQueues: best(
        "found(name) as (select value from json_each(:queues))",
        `not ${isPaused("name")}`,
      ),
      unknownReady: unknown("queue_name in (select value from json_each(:queues))"),
      ...scheduledStatements(tables, readyRows, {
        rows: rowsOf(tables, 2, "scheduled_queue"),
        start: "json_each(:queues) queue cross join",
        name: "queue.value",
        isOfStart: `queue_name = queue.value and not ${isPaused("queue.value")}`,
        isNext: "queue_name = level.name",
        isOfLevel: "queue_name = level.name",
      }),
    },
    ofAll: {
      readyQueues: best(
        leaps("queue_name", `from ${rowsOf(tables, 1, "ready")}`),
        `name is not null and not ${isBarred("name")}`,
      ),
      unknownReady: unknown(`not ${isBarred("queue_name")}`),
      ...scheduledStatements(tables, readyRows, {
        rows: rowsOf(tables, 2, "scheduled"),
        start: "",
        name: "null",
        isOfStart: "true",
        isNext: "true",
        isOfLevel: `not ${isBarred("queue_name")}`,
      }),
    },
  };
}

/** A backend's rows of one phase, by an index. */
function rowsOf({ results }: TableNames, phase: number, index: string): string {
  return `${results} indexed by ${results}_${index} where phase = ${phase} and backend = :backend`;
}

function claimOf({ results }: TableNames, where: string): string {
  // Damaged lists are replaced rather than appended to: one bad row must not fail the statement for the others.
  return `update ${results} set
  phase = 3, fence = fence % ${FENCES} + 1,
  started_at = coalesce(started_at, :now), last_attempted_at = :now, session_id = :session,
  worker_ids = case when worker_ids = '[]' then :firstWorkers
    else json_insert(case when json_valid(worker_ids) then worker_ids else '[]' end, '$[#]', :worker) end
where ${where}
returning ${CLAIMED_COLUMNS}`;
}

/** Leaps from one value of an index's second column to the next, so that the cost is the number of values: a table `found` with a `name`. */
export function leaps(column: string, rows: string): string {
  const next = (where: string): string => `select min(${column}) ${rows}${where}`;
  return `found(name) as (
  ${next("")}
  union all
  select (${next(` and ${column} > found.name`)}) from found where found.name is not null)`;
}

/** Where scheduled rows are found. All are SQL. */
interface ScheduledRows {
  readonly rows: string;
  /** The queues to begin with, joined with the table; nothing for all. */
  readonly start: string;
  readonly name: string;
  /** Conditions on the rows at the beginning, on those after a level, and on those of a level. */
  readonly isOfStart: string;
  readonly isNext: string;
  readonly isOfLevel: string;
}

/**
 * Levels are the priorities of scheduled rows, of each queue or of all, with the earliest due time of each. They are found by leaps in the index, so that
 * rows that are due later cost nothing.
 */
function scheduledStatements(
  tables: TableNames,
  readyRows: string,
  { rows, start, name, isOfStart, isNext, isOfLevel }: ScheduledRows,
): Pick<SearchStatements, "hasDue" | "nextDue" | "claim" | "unknownDue"> {
  const { results } = tables;
  const levels = `with recursive level(name, priority, due) as (
  select ${name}, r.priority, r.due from ${start} ${results} r
  where r.seq = (select seq from ${rows} and ${isOfStart} ${BEST_FIRST} limit 1)
  union all
  select level.name, r.priority, r.due from level cross join ${results} r
  on r.seq = (select seq from ${rows} and ${isNext} and priority < level.priority ${BEST_FIRST} limit 1))`;
  const found = (where: string, limit: string | number): string => `level cross join ${results} r
  on r.seq in (select seq from ${rows} and ${isOfLevel} and priority = level.priority and ${where} order by due, seq limit ${limit})`;
  const due = (where: string, limit: string | number): string =>
    `${found(`due <= :now${where}`, limit)} where level.due <= :now`;
  const known = ` and ${IS_KNOWN}`;
  return {
    hasDue: withNames(`${levels} select 1 from ${due(known, 1)} limit 1`),
    nextDue: withNames(
      `${levels} select cast(min(r.due) as real) as due from ${found(`due > :now${known}`, 1)}`,
    ),
    claim: withNames(
      claimOf(
        tables,
        `seq in (select seq from (
  select * from (${readyRows})
  union all
  select * from (${levels} select r.seq, r.priority, r.due from ${due(known, ":limit")})
) ${BEST_FIRST} limit :limit)`,
      ),
    ),
    unknownDue: withNames(`select distinct task_name from (
  ${levels} select r.task_name from ${due("", UNKNOWN_ROWS)}) where not ${IS_KNOWN} limit 10`),
  };
}
