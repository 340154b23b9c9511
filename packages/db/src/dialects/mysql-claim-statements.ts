import { byCount, marks, NOW, type MysqlNames } from "./mysql-names.ts";
import { FENCES } from "./values.ts";

/** Statements that find and claim what is due: ready rows, and scheduled rows whose time has come. */
export interface ClaimStatements {
  /** Claims rows by their numbers, if they still wait, are due, and nobody has locked them. Parameters: rows, limit, and the stamp: session, this worker as JSON, list of this worker alone. */
  readonly claim: (count: number) => string;
  /** What a session claimed. Parameters: rows, session. */
  readonly claimed: (count: number) => string;
  /** Parameters: stamp, id, backend, task names. */
  readonly claimOne: string;
  /** Parameters: id, session. */
  readonly claimedOne: string;
  /**
   * Finds the best rows, claims them and reads them in one statement; on MariaDB only. Answers with a `place` when the gaps hold one, else with `found`,
   * the number of rows found, and then with those claimed; with nothing when none was found.
   *
   * Parameters: those of the gaps, those of the rows, limit, limit, stamp, session.
   */
  readonly atOnce: (rows: string, gaps: string) => string;
  readonly pausedQueues: string;
  readonly workToken: string;
  /** The ready rows of one queue, best first. Parameters: backend, queue, task names, backend, queue, limit. */
  readonly readyRows: string;
  /** The due rows of one queue and place. Parameters: backend, queue, place, task names, backend, queue, limit. */
  readonly dueRows: string;
  /** The due rows of all queues at one place. Parameters: backend, place, task names, backend, queues to leave out, limit. */
  readonly allRows: string;
  /** The same rows, the earliest one, due or not, with the milliseconds until it is. Parameters as above. */
  readonly firstReady: string;
  readonly firstDue: string;
  readonly firstOfAll: string;
  /** A scheduled row of these queues between two places. Parameters: backend, queues, place, place. */
  readonly betweenPlaces: (queues: number) => string;
  /** A row of any queue between two places. Parameters: backend, place, place. */
  readonly betweenPlacesOfAll: string;
  /** A row of a queue between two queues. Parameters: backend, phase, queue, queue. */
  readonly betweenQueues: string;
  /** Parameters: backend, queues, task names. */
  readonly unknownReady: (queues: number) => string;
  /** Parameters: backend, place, task names, backend, queues to leave out. */
  readonly unknownOfAll: string;
  /** Parameters: backend, queue, place, task names. */
  readonly unknownDue: string;
}

/** Due rows that the search for unknown tasks reads. */
const UNKNOWN_ROWS = 10_000;
const HAS_HISTORY =
  "(fence > 1 or progress is not null or logs <> '[]' or failures <> 0 or errors <> '[]')";

/** The columns of a claimed row. The history that few rows have is null for the others. */
const CLAIMED_COLUMNS = [
  ..."seq, id, fence, queue_name, task_name, priority, due, run_after, enqueued_at, last_attempted_at, max_lost, metadata, args".split(
    ", ",
  ),
  "coalesce(unique_scope = 'until-started' and unique_key is not null, 0) as holds_key",
  ...["worker_ids", "errors", "progress", "logs", "started_at", "failures", "lost"].map(
    (column) => `if(${HAS_HISTORY}, ${column}, null) as ${column}`,
  ),
].join(", ");

const STAMP = `phase = 3, fence = fence % ${FENCES} + 1, started_at = coalesce(started_at, ${NOW}), last_attempted_at = ${NOW}, session_id = ?,
  worker_ids = case when worker_ids like '[_%]' and worker_ids <> '[]'
    then concat(left(worker_ids, char_length(worker_ids) - 1), ',', ?, ']') else ? end`;

/** Stands in a statement for the list of rows that were found. */
const FOUND = "@found@";

/** A statement as SQL that gives its text, with the rows found in it. Drivers may take a mark in a text for a parameter. */
function asText(statement: string): string {
  const parts = statement.split(/(\?|@found@)/).map((part) => {
    if (part === FOUND) return "found";
    return part === "?" ? "char(63)" : `'${part.replaceAll("'", "''")}'`;
  });
  return `concat(${parts.join(", ")})`;
}

/** Builds the statements that claim. Searches have the same columns, so that several make one statement. */
export function claimStatements({ results, paused, index }: MysqlNames): ClaimStatements {
  const byKey = `${results} force index (primary)`;
  const byId = `${results} force index (${index("id")})`;
  const byPhase = `from ${results} force index (${index("phase")}) where backend = ?`;
  const byPlace = `from ${results} force index (${index("waiting")}) where backend = ?`;
  const isKnown = "find_in_set(task_name, ?)";
  const isServed = `not exists (select 1 from ${paused} where backend = ? and queue_name = ?)`;
  const isNotBarred = `queue_name not in (select queue_name from ${paused} where backend = ?) and not find_in_set(queue_name, ?)`;
  const isDue = `due <= ${NOW}`;
  const row = (due: string): string => `select lane, seq, priority, ${due} as due`;
  const inMs = `greatest(0, due - ${NOW})`;
  const ready = `${byPhase} and phase = 1 and lane = ?`;
  const scheduled = `${byPhase} and phase = 2 and lane = ? and place = ? and finished_at is null`;
  const all = `${byPlace} and waiting_place = ?`;
  const between = "select null as lane, null as seq, priority, null as due";
  const unknown = (from: string): string => `(select distinct task_name from (
  select task_name ${from} limit ${UNKNOWN_ROWS}) waiting where not ${isKnown} limit 10)`;
  // A table of its own, because of its limit: only so are locked rows skipped.
  const claim = (seqs: string): string => `update (
  select seq as picked from ${byKey} where seq in (${seqs}) and phase in (1, 2) and (phase = 1 or ${isDue})
  order by priority desc, due, seq limit ? for update skip locked) best
straight_join ${byKey} on seq = picked set ${STAMP}`;
  const claimed = (seqs: string): string =>
    `select ${CLAIMED_COLUMNS} from ${byKey} where seq in (${seqs}) and phase = 3 and session_id = ?`;
  return {
    claim: byCount((count) => claim(marks(count))),
    claimed: byCount((count) => claimed(marks(count))),
    // Not by \`set\`, which would lock what it reads. A list that is longer than the session lets it
    // be ends in a part of a number.
    atOnce: (rows, gaps) => `begin not atomic
  declare found longtext;
  declare unknown int;
  select min(priority) into unknown from (${gaps}) gaps;
  if unknown is not null then
    select unknown as place;
  else
    select group_concat(seq) into found from (
      select seq from (${rows}) waiting order by priority desc, due, seq limit ?) best;
    if char_length(found) >= @@group_concat_max_len then
      set found = left(found, char_length(found) - char_length(substring_index(found, ',', -1)) - 1);
    end if;
    if found is not null then
      select char_length(found) - char_length(replace(found, ',', '')) + 1 as found;
      execute immediate ${asText(claim(FOUND))} using ?, ?, ?, ?;
      execute immediate ${asText(claimed(FOUND))} using ?;
    end if;
  end if;
end`,
    claimOne: `update ${byId} set ${STAMP} where id = ? and backend = ? and phase in (1, 2) and ${isKnown}`,
    claimedOne: `select ${CLAIMED_COLUMNS} from ${byId} where id = ? and phase = 3 and session_id = ?`,
    pausedQueues: `select queue_name as name from ${paused} where backend = ?`,
    // New rows are told by the highest number, rows that are ready again by the best one, queues that are resumed by their count.
    workToken: `select concat_ws(' ', (select max(seq) from ${results}),
  (select seq from ${results} force index (${index("phase")}) where backend = ? and phase = 1 order by lane, place, finished_at, due, seq limit 1),
  (select concat_ws('/', count(*), max(paused_at)) from ${paused} where backend = ?)) as token`,
    readyRows: `(${row("due")} ${ready} and ${isKnown} and ${isServed} order by place, finished_at, due, seq limit ?)`,
    dueRows: `(${row("due")} ${scheduled} and ${isDue} and ${isKnown} and ${isServed} order by due, seq limit ?)`,
    allRows: `(${row("due")} ${all} and ${isDue} and ${isKnown} and ${isNotBarred} order by due, seq limit ?)`,
    firstReady: `(${row("0")} ${ready} and ${isKnown} and ${isServed} limit ?)`,
    firstDue: `(${row(inMs)} ${scheduled} and ${isKnown} and ${isServed} order by ${results}.due limit ?)`,
    firstOfAll: `(${row(inMs)} ${all} and ${isKnown} and ${isNotBarred} order by ${results}.due limit ?)`,
    betweenPlaces: byCount(
      (queues) =>
        `(${between} ${byPhase} and phase = 2 and lane in (${marks(queues)}) and place > ? and place < ? limit 1)`,
    ),
    betweenPlacesOfAll: `(${between} ${byPlace} and waiting_place > ? and waiting_place < ? limit 1)`,
    betweenQueues: `(select lane as name ${byPhase} and phase = ? and lane > ? and lane < ? limit 1)`,
    unknownReady: byCount((queues) =>
      unknown(`${byPhase} and phase = 1 and lane in (${marks(queues)})`),
    ),
    unknownDue: unknown(`${scheduled} and ${isDue}`),
    unknownOfAll: unknown(`${all} and ${isDue} and ${isNotBarred}`),
  };
}
