import type { TableNames } from "../tables.ts";
import { hasId } from "./postgres-ids.ts";
import { list, NOW, ONE_NOW, postgresNames } from "./postgres-names.ts";
import { FENCES } from "./values.ts";

/** Statements that find and claim what is due: ready rows, and scheduled rows whose time has come. */
export type ClaimStatements = Readonly<Record<ClaimStatementName, string>>;

type ClaimStatementName =
  | "claimOne"
  | "claimQueue"
  | "claimQueues"
  | "claimAll"
  | "readyInMs"
  | "readyInMsOfAll"
  | "unknownTasks"
  | "unknownTasksOfAll";

const BEST_FIRST = "order by priority desc, due, seq";
/** Due rows that the search for unknown tasks reads. */
const UNKNOWN_ROWS = 10_000;

/** The columns a claim returns. Numbers, and the history that few rows have, are packed in one column each: every column costs the driver time. */
const CLAIMED_COLUMNS = `seq, id, fence, queue_name, task_name, metadata, args,
  concat_ws(' ', last_attempted_at, priority, due, enqueued_at, max_lost,
    case when unique_scope = 'until-started' and unique_key is not null then 1 else 0 end, run_after) as numbers,
  case when fence > 1 or progress is not null or logs <> '[]' or failures <> 0 or errors <> '[]'
    then json_build_array(worker_ids, errors, progress, logs, started_at, failures, lost)::text end as history`;

/** Where a row is, and what claims order it by. */
const LOCATED = "ctid as location, priority, due, seq";

/** Checks the phase of rows that are found by their location. Written so that no partial index fits: those of busy phases are full of dead entries. */
const IS_WAITING = "phase + 0 in (1, 2)";

/** Scheduled rows, in the index of all queues, or in the one that is ordered by queue. */
const SCHEDULED = "phase = 2";
const SCHEDULED_BY_QUEUE = "phase + 0 = 2";

/** SQL of the parameters that the searches share. */
interface SearchParams {
  readonly backend: string;
  /** Names of the tasks the worker knows. */
  readonly tasks: string;
  /** Queues to serve; of all queues those to leave out. */
  readonly queues: string;
}

/** How to find the rows of a request. All are SQL. */
interface Search {
  /** Queues with ready rows: a table with a `name`. */
  readonly readyQueues: string;
  /** Scheduled rows that are due, at most `limit` of each priority. They are of tasks the worker knows, unless another condition is given. */
  readonly dueRows: (columns: string, limit: string | number, where?: string) => string;
  /** When the next scheduled row falls due; null when there is none. */
  readonly nextDue: string;
}

/** Builds the statements that claim. */
export function claimStatements(tables: TableNames): ClaimStatements {
  const { results } = postgresNames(tables);
  const claimed = { backend: "$4", tasks: "$5", queues: "$7" };
  const polled = { backend: "$1", tasks: "$2", queues: "$3" };
  return {
    claimOne: claimOf(
      tables,
      `${hasId(results, "$6::text", "$7::bigint", "$4")} and phase in (1, 2) and task_name = any(${list("$5")})`,
    ),
    claimQueue: claimQueue(tables, claimed),
    claimQueues: claimFrom(tables, claimed, namedQueues(tables, claimed)),
    claimAll: claimFrom(tables, claimed, allQueues(tables, claimed)),
    readyInMs: readyInMs(tables, polled, namedQueues(tables, polled)),
    readyInMsOfAll: readyInMs(tables, polled, allQueues(tables, polled)),
    unknownTasks: unknownTasks(tables, polled, namedQueues(tables, polled)),
    unknownTasksOfAll: unknownTasks(tables, polled, allQueues(tables, polled)),
  };
}

/** Parameters: 1 session, 2 list of this worker alone, 3 this worker as JSON, 4 backend, 5 task names. */
function claimOf(tables: TableNames, where: string): string {
  const { results } = postgresNames(tables);
  return `update ${results} set
  phase = 3, fence = fence % ${FENCES} + 1, started_at = coalesce(started_at, ${ONE_NOW}), last_attempted_at = ${ONE_NOW}, session_id = $1,
  worker_ids = case when worker_ids like '[_%]' and worker_ids <> '[]' then left(worker_ids, -1) || ',' || $3::text || ']' else $2::text end
where ${where}
returning ${CLAIMED_COLUMNS}`;
}

/**
 * Claims from one queue, however many of its rows other transactions have locked. Both searches read rows in order and lock no more than they return.
 *
 * Further parameters: 6 limit, 7 queue.
 */
function claimQueue(tables: TableNames, params: SearchParams): string {
  const { results, paused } = postgresNames(tables);
  const { backend, queues: queue } = params;
  const isServed = `not exists (select 1 from ${paused} where backend = ${backend} and queue_name = ${queue})`;
  const ofQueue = `${isKnown(params)} and queue_name = ${queue}`;
  const locked = "limit $6::integer for update skip locked";
  return claimOf(
    tables,
    `${IS_WAITING} and ctid = any(array(
  select location from (
    select * from (
      select ${LOCATED} from ${results} where phase = 1 and ${ofQueue} and ${isServed} ${BEST_FIRST} ${locked}) ready
    union all
    select * from (
      with recursive ${levels(tables, params, `(select ${queue}::text as name)`)}
      select found.* from level cross join lateral (
        select ${LOCATED} from ${results}
        where ${SCHEDULED_BY_QUEUE} and ${ofQueue} and priority = level.priority and due <= ${NOW} order by due, seq ${locked}) found
      where level.due <= ${NOW} and ${isServed} limit $6::integer) due) waiting
  ${BEST_FIRST} limit $6::integer))`,
  );
}

/**
 * Claims from several queues. The best n rows are in the n queues with the best first rows. Other workers may have locked some of them: more are read
 * than are to be claimed.
 *
 * Further parameters: 6 limit, 7 queues, 8 rows to read of each queue, 9 queues to read from.
 */
function claimFrom(tables: TableNames, params: SearchParams, search: Search): string {
  const { results } = postgresNames(tables);
  const ready = `phase = 1 and ${isKnown(params)}`;
  return claimOf(
    tables,
    `${IS_WAITING} and ctid = any(array(
  select ctid from ${results} where ${IS_WAITING} and ctid = any(array(
    select location from (
      select found.* from (
        select queue.name from ${search.readyQueues} queue cross join lateral (
          select priority, due, seq from ${results} where ${ready} and queue_name = queue.name ${BEST_FIRST} limit 1) head
        order by head.priority desc, head.due, head.seq limit $9::integer) best
      cross join lateral (
        select ${LOCATED} from ${results}
        where ${ready} and queue_name = best.name ${BEST_FIRST} limit $8::integer) found
      union all
      ${search.dueRows(LOCATED, "$8::integer")}) waiting
    ${BEST_FIRST} limit $8::integer))
  ${BEST_FIRST} limit $6::integer for update skip locked))`,
  );
}

/** Parameters: backend, task names, queues. */
function readyInMs(tables: TableNames, params: SearchParams, search: Search): string {
  const { results } = postgresNames(tables);
  const isReady = `exists (select 1 from ${search.readyQueues} queue cross join lateral (
    select 1 from ${results} where phase = 1 and ${isKnown(params)} and queue_name = queue.name limit 1) head)`;
  return `select case when ${isReady} or exists (select 1 from (${search.dueRows("1", 1)}) due) then 0
  else greatest(0, ${search.nextDue} - ${NOW}) end as ms`;
}

/** Parameters: backend, task names, queues. */
function unknownTasks(tables: TableNames, params: SearchParams, search: Search): string {
  const { results } = postgresNames(tables);
  const { backend, tasks } = params;
  return `select distinct task_name from (
  (select task_name from ${results} where phase = 1 and backend = ${backend}
    and queue_name in (select name from ${search.readyQueues} queue) limit ${UNKNOWN_ROWS})
  union all
  select * from (${search.dueRows("task_name", UNKNOWN_ROWS, `backend = ${backend}`)}) due) waiting
where task_name <> all(${list(tasks)}) limit 10`;
}

function isKnown({ backend, tasks }: SearchParams): string {
  return `backend = ${backend} and task_name = any(${list(tasks)})`;
}

/** The queues named that are not paused. */
function namedQueues(tables: TableNames, params: SearchParams): Search {
  const { paused } = postgresNames(tables);
  const { backend, queues } = params;
  const served = `(select unnest(${queues}::text::text[]) as name except select queue_name from ${paused} where backend = ${backend})`;
  const ofLevel = `${SCHEDULED_BY_QUEUE} and queue_name = level.name`;
  return {
    readyQueues: served,
    ...scheduledBy(tables, params, levels(tables, params, served), ofLevel),
  };
}

/** Every queue that is neither left out nor paused. */
function allQueues(tables: TableNames, params: SearchParams): Search {
  const { results, paused } = postgresNames(tables);
  const { backend, queues } = params;
  const barred = `array(select unnest(${queues}::text::text[]) union all select queue_name from ${paused} where backend = ${backend})`;
  const rows = `from ${results} where phase = 1 and backend = ${backend}`;
  // Leaps from one queue to the next in the index, so that the cost is the number of queues.
  const served = `(
    with recursive found(name) as (
      (select queue_name ${rows} order by queue_name limit 1)
      union all
      select next.name from found cross join lateral (
        select queue_name as name ${rows} and queue_name > found.name order by queue_name limit 1) next)
    select name from found where name <> all(${barred}))`;
  return {
    readyQueues: served,
    ...scheduledBy(
      tables,
      params,
      levels(tables, params),
      `${SCHEDULED} and queue_name <> all(${barred})`,
    ),
  };
}

/** Scheduled rows. @param level a table of priorities. @param where condition on the rows of one. */
function scheduledBy(
  tables: TableNames,
  params: SearchParams,
  level: string,
  where: string,
): Pick<Search, "dueRows" | "nextDue"> {
  const { results } = postgresNames(tables);
  const known = isKnown(params);
  const ofLevel = (tasks: string): string =>
    `from ${results} where ${where} and ${tasks} and priority = level.priority`;
  return {
    dueRows: (columns, limit, tasks = known) => `select found.* from (
        with recursive ${level}
        select * from level where due <= ${NOW} order by priority desc, due limit ${limit}) level
      cross join lateral (
        select ${columns} ${ofLevel(tasks)} and due <= ${NOW} order by due, seq limit ${limit}) found`,
    nextDue: `(with recursive ${level}
      select min(next.due) from level cross join lateral (
        select due ${ofLevel(known)} and due > ${NOW} order by due limit 1) next)`,
  };
}

/**
 * Every priority of scheduled rows with the earliest due time of it, highest first: leaps from one priority to the next in the index, so that rows that
 * are due later cost nothing.
 *
 * @param queues a table with a `name`, for the priorities of each of these queues.
 */
function levels(tables: TableNames, { backend }: SearchParams, queues?: string): string {
  const { results } = postgresNames(tables);
  const next = (where: string): string => `(
      select priority, due from ${results} where ${where} and backend = ${backend} order by priority desc, due limit 1)`;
  const after = "priority < level.priority";
  if (queues === undefined) {
    return `level(priority, due) as (
      select priority, due from ${next(SCHEDULED)} first
      union all
      select next.priority, next.due from level cross join lateral ${next(`${SCHEDULED} and ${after}`)} next)`;
  }
  const ofQueue = (name: string): string => `${SCHEDULED_BY_QUEUE} and queue_name = ${name}`;
  return `level(name, priority, due) as (
      select queue.name, first.priority, first.due from ${queues} queue cross join lateral ${next(ofQueue("queue.name"))} first
      union all
      select level.name, next.priority, next.due
      from level cross join lateral ${next(`${ofQueue("level.name")} and ${after}`)} next)`;
}
