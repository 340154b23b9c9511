import type { ClaimRequest } from "@tasks/core/worker";

import type { Executor, Row } from "../connection.ts";
import { isMysqlRefusedStatement } from "../connections/mysql-errors.ts";
import type { ClaimSteps, Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { nameSet, padded } from "./mysql-names.ts";
import { notePlaces, placeOf, searchOf, searchRows, searchUnknown } from "./mysql-search.ts";
import { mysqlStatements } from "./mysql-statements.ts";

/** Queues one claim takes rows from; more than the tasks it may take would be of no use. */
const MAX_QUEUES = 200;
/** With more queues than that, their first rows decide which of them are searched. */
const FEW_QUEUES = 4;
/** How many rows a claim looks at, in limits: more where other workers have locked what it found. */
const WINDOWS = [1, 3, 9];
/** How many times more after each claim that found nothing although something was due. */
const MISS_FACTOR = 8;
/** Rows that are tried at once after such a claim. */
const MISS_ROWS = 256;

/**
 * Claims the best due rows of a request, or the one it names, without waiting for rows that other workers are claiming.
 *
 * Three statements that stand alone: one looks without locks, one takes by primary key, one reads what was taken. Locks along the index would be in the
 * way of others, and of rows on their way into it; locks that last from one statement to the next would keep others out for a round trip. MariaDB is sent
 * the three as one, which costs one round trip.
 */
export async function claimTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  { whenFound, isFresh, misses }: ClaimSteps,
): Promise<readonly Row[]> {
  if (request.id !== undefined) {
    await whenFound();
    return claimOne(executor, scope, request, request.id);
  }
  const first =
    isFresh && misses === 0 && (await takesBlocks(executor))
      ? await claimAtOnce(executor, scope, request)
      : NOTHING;
  if (first.isAll) return toClaimed(first.rows, request);
  const rest = { ...request, limit: request.limit - first.rows.length };
  const others = await claimStepwise(executor, scope, rest, { whenFound, misses });
  return toClaimed([...first.rows, ...others], request);
}

/** Claims in three statements. Resolves with the rows as they are stored. */
async function claimStepwise(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  { whenFound, misses }: Pick<ClaimSteps, "whenFound" | "misses">,
): Promise<readonly Row[]> {
  const found = await bestOf(executor, scope, request, request.limit);
  if (found.length === 0) return [];
  await whenFound();
  const tried = await takeFree(executor, scope, request, { found, misses });
  if (tried.length === 0) return [];
  const seqs = padded(tried);
  const { claimed } = mysqlStatements(scope.tables);
  return executor.query(claimed(seqs.length), [...seqs, request.session.sessionId]);
}

/** What a claim in one statement came to, and whether there is nothing more to claim. */
interface AtOnce {
  readonly rows: readonly Row[];
  readonly isAll: boolean;
}

const NOTHING: AtOnce = { rows: [], isAll: false };

/**
 * Claims in one statement. More is left to claim when there are many queues to search, when a place was found that was not known, and when others have
 * locked rows that were found, so that more have to be looked at.
 */
async function claimAtOnce(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<AtOnce> {
  const place = await placeOf(executor, scope, request);
  if (place.queues !== null && place.queues.length > FEW_QUEUES) return NOTHING;
  const search = searchOf(scope, place, request);
  if (search === undefined) return NOTHING;
  const { limit } = request;
  const { rows, gaps } = search;
  const { atOnce } = mysqlStatements(scope.tables);
  const stamp = stampOf(request);
  const params = [...gaps.params, ...rows.params, limit, limit, ...stamp, stamp[0]!];
  let answers: readonly (readonly Row[])[];
  try {
    const answer = await executor.query(atOnce(rows.sql, gaps.sql), params);
    answers = answer as unknown as readonly (readonly Row[])[];
  } catch (error) {
    if (!isMysqlRefusedStatement(error)) throw error;
    blocks.set(executor, false);
    return NOTHING;
  }
  const [[first] = [], claimed = []] = answers;
  if (first === undefined) return { rows: [], isAll: true };
  if (first["place"] !== undefined) {
    notePlaces(scope, [toNumber(first["place"])]);
    return NOTHING;
  }
  return { rows: claimed, isAll: claimed.length === limit || toNumber(first["found"]) < limit };
}

/** Whether a server takes several statements as one block: MariaDB does. */
async function takesBlocks(executor: Executor): Promise<boolean> {
  let answer = blocks.get(executor);
  if (answer === undefined) {
    const [row] = await executor.query("select version() as version", []);
    answer = /mariadb/i.test(toText(row?.["version"]));
    blocks.set(executor, answer);
  }
  return answer;
}

const blocks = new WeakMap<Executor, boolean>();

/** Milliseconds until a row of the request may be claimed. */
export async function readyInMs(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<number | null> {
  const place = await placeOf(executor, scope, request);
  const { taskNames } = request;
  const rows = await searchRows(executor, scope, place, { what: "first", taskNames, limit: 1 });
  return rows.length === 0 ? null : Math.min(...rows.map((row) => toNumber(row["due"])));
}

/** Names of due tasks the request does not know. */
export async function findUnknownTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const place = await placeOf(executor, scope, request);
  return searchUnknown(executor, scope, place, request.taskNames);
}

/** Numbers of the best due rows, best first. */
async function bestOf(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  limit: number,
): Promise<readonly number[]> {
  const { taskNames } = request;
  let place = await placeOf(executor, scope, request);
  if (place.queues !== null && place.queues.length > FEW_QUEUES) {
    const first = await searchRows(executor, scope, place, { what: "rows", taskNames, limit: 1 });
    // The best n rows are in the n queues with the best first rows.
    const best = first.toSorted(compareRows).map((row) => toText(row["lane"]));
    place = { ...place, queues: [...new Set(best)].slice(0, Math.min(limit, MAX_QUEUES)) };
  }
  const rows = await searchRows(executor, scope, place, { what: "rows", taskNames, limit });
  return rows
    .toSorted(compareRows)
    .slice(0, limit)
    .map((row) => toNumber(row["seq"]));
}

/**
 * Claims the best rows that no other transaction has locked: as many as are wanted, if there are that many. Resolves with the numbers of all rows that were
 * tried, if any was claimed.
 */
async function takeFree(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  { found: firstFound, misses }: { readonly found: readonly number[]; readonly misses: number },
): Promise<readonly number[]> {
  const { claim } = mysqlStatements(scope.tables);
  const { limit } = request;
  const stamp = stampOf(request);
  const tried = new Set<number>();
  let count = 0;
  const windows = misses === 0 ? WINDOWS : [...WINDOWS, 9 * MISS_FACTOR ** Math.min(misses, 4)];
  for (const window of windows) {
    const found =
      window === 1 ? firstFound : await bestOf(executor, scope, request, window * limit);
    const others = found.filter((seq) => !tried.has(seq));
    while (others.length > 0 && count < limit) {
      const next = others.splice(0, Math.max(limit - count, misses > 0 ? MISS_ROWS : 0));
      for (const seq of next) tried.add(seq);
      const seqs = padded(next);
      count += await executor.run(claim(seqs.length), [...seqs, limit - count, ...stamp]);
    }
    if (count === limit || found.length < window * limit) break;
  }
  return count === 0 ? [] : [...tried];
}

async function claimOne(
  executor: Executor,
  { tables, backend }: Scope,
  request: ClaimRequest,
  id: string,
): Promise<readonly Row[]> {
  const { claimOne: claim, claimedOne } = mysqlStatements(tables);
  const params = [...stampOf(request), id, backend, nameSet(request.taskNames)];
  if ((await executor.run(claim, params)) === 0) return [];
  return toClaimed(await executor.query(claimedOne, [id, request.session.sessionId]), request);
}

/** What a claim writes: the session, this worker as JSON, and a list of this worker alone. */
function stampOf({ session: { sessionId, workerId } }: ClaimRequest): readonly string[] {
  return [sessionId, JSON.stringify(workerId), JSON.stringify([workerId])];
}

/** Rows as they stand after a claim, best first. */
function toClaimed(rows: readonly Row[], { session }: ClaimRequest): readonly Row[] {
  const { sessionId, workerId } = session;
  const firstWorkers = JSON.stringify([workerId]);
  const claimed = rows.map((row) =>
    claimedRow(withHistory(row), { now: row["last_attempted_at"], sessionId, firstWorkers }),
  );
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}

function withHistory(row: Row): Row {
  if (row["worker_ids"] === null) return row;
  const { worker_ids, errors, progress, logs, started_at, failures, lost } = row;
  const history = [worker_ids, errors, progress, logs, started_at, failures, lost];
  return { ...row, history: JSON.stringify(history) };
}
