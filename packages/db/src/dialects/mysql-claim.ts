import type { ClaimRequest } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { readTexts, toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { nameSet, padded } from "./mysql-names.ts";
import { mysqlStatements } from "./mysql-statements.ts";

/** Scheduled rows that become ready in one step. */
const PROMOTE_ROWS = 2048;
/** Queues one claim looks into; more than the tasks it may take would be of no use. */
const MOST_QUEUES = 200;
/** With more queues than that, their best rows decide which of them are worth a look. */
const FEW_QUEUES = 4;
/** How far a claim looks, in limits: further where others are claiming what it found. */
const WINDOWS = [1, 3, 9];

/**
 * Claims the best ready rows of a request, or the one it names, without waiting for rows that others are claiming.
 *
 * Looks without locks and takes by primary key: locks along the index would be in the way of others, and of rows on their way into it.
 */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  whenFound: () => Promise<void>,
): Promise<readonly Row[]> {
  if (request.id !== undefined) {
    await whenFound();
    return claimOne(connection, scope, request, request.id);
  }
  const found = await findCandidates(connection, scope, request);
  if (found.length === 0) return [];
  await whenFound();
  return claimFree(connection, scope, request, found);
}

/** Milliseconds until a row of the request may be claimed. */
export async function readyInMs(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<number | null> {
  const { isReady, nextDueInMs, pausedQueues } = mysqlStatements(scope.tables);
  const paused = await executor.query(pausedQueues, [scope.backend]);
  const isPaused = new Set(paused.map((row) => toText(row["name"])));
  const served = await queuesOf(executor, scope, request);
  const queues = padded(served.filter((name) => !isPaused.has(name)));
  if (queues.length > 0) {
    const params = [scope.backend, ...queues, nameSet(request.taskNames)];
    const ready = await executor.query(isReady(queues.length), params);
    if (ready.length > 0) return 0;
  }
  const [row] = await executor.query(nextDueInMs, [scope.backend]);
  const ms = row?.["ms"] ?? null;
  return ms === null ? null : toNumber(ms);
}

/** Names of ready tasks the request does not know. */
export async function findUnknownTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const queues = padded(await queuesOf(executor, scope, request));
  if (queues.length === 0) return [];
  const rows = await executor.query(mysqlStatements(scope.tables).unknownTasks(queues.length), [
    scope.backend,
    ...queues,
    nameSet(request.taskNames),
  ]);
  return rows.map((row) => toText(row["task_name"]));
}

/** Numbers of the best ready rows. Makes rows ready before that are due. */
async function findCandidates(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly number[]> {
  for (;;) {
    const found = await bestOf(connection, scope, request, request.limit);
    if (found.length > 0 || (await promote(connection, scope)) === 0) return found;
  }
}

/** Numbers of the best ready rows, best first; none while scheduled ones are due. */
async function bestOf(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  limit: number,
): Promise<readonly number[]> {
  const queues = await queuesToClaim(executor, scope, request);
  const rows = await bestRows(executor, scope, request, queues, limit);
  // One queue comes in order.
  const sorted = queues.length > 1 ? rows.toSorted(compareRows) : rows;
  return sorted.slice(0, limit).map((row) => toNumber(row["seq"]));
}

/** The queues the best rows are in. */
async function queuesToClaim(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const queues = await queuesOf(executor, scope, request);
  if (queues.length <= FEW_QUEUES) return queues;
  const heads = await bestRows(executor, scope, request, queues, 1);
  // The best n rows are in the n queues with the best heads.
  const best = heads.toSorted(compareRows).map((row) => toText(row["lane"]));
  return [...new Set(best)].slice(0, Math.min(request.limit, MOST_QUEUES));
}

async function bestRows(
  executor: Executor,
  { tables, backend }: Scope,
  { taskNames }: ClaimRequest,
  queues: readonly string[],
  limit: number,
): Promise<readonly Row[]> {
  if (queues.length === 0) return [];
  const names = nameSet(taskNames);
  const all = padded(queues);
  const params = all.flatMap((queue) => [backend, queue, names, backend, backend, queue, limit]);
  const rows = await executor.query(mysqlStatements(tables).candidates(all.length), params);
  if (all.length === queues.length) return rows;
  // A queue that fills up the list gives its rows more than once.
  return [...new Map(rows.map((row) => [row["seq"], row])).values()];
}

async function queuesOf(
  executor: Executor,
  scope: Scope,
  { queueNames, excludeQueues }: ClaimRequest,
): Promise<readonly string[]> {
  if (!queueNames.includes("*")) return [...new Set(queueNames)];
  const { readyQueues } = mysqlStatements(scope.tables);
  const rows = await executor.query(readyQueues, [scope.backend]);
  return rows.map((row) => toText(row["name"])).filter((name) => !excludeQueues.includes(name));
}

/** Claims the best rows that nobody else is claiming: as many as wanted, if there are that many. */
async function claimFree(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  found: readonly number[],
): Promise<readonly Row[]> {
  return connection.transaction(async (executor) => {
    const rows = await lockFree(executor, scope, request, found);
    return rows.length > 0 ? stamp(executor, scope, request, rows) : [];
  });
}

async function lockFree(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
  firstFound: readonly number[],
): Promise<readonly Row[]> {
  const { lockReady } = mysqlStatements(scope.tables);
  const { limit } = request;
  const locked: Row[] = [];
  const tried = new Set<number>();
  for (const window of WINDOWS) {
    const found =
      window === 1 ? firstFound : await bestOf(executor, scope, request, window * limit);
    const others = found.filter((seq) => !tried.has(seq));
    while (others.length > 0 && locked.length < limit) {
      const next = others.splice(0, limit - locked.length);
      for (const seq of next) tried.add(seq);
      const seqs = padded(next);
      locked.push(...(await executor.query(lockReady(seqs.length), seqs)));
    }
    if (locked.length === limit || found.length < window * limit) break;
  }
  return locked;
}

async function claimOne(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  id: string,
): Promise<readonly Row[]> {
  return connection.transaction(async (executor) => {
    const rows = await executor.query(mysqlStatements(scope.tables).lockOne, [
      id,
      scope.backend,
      nameSet(request.taskNames),
    ]);
    return rows.length > 0 ? stamp(executor, scope, request, rows) : [];
  });
}

/** Writes a claim into locked rows. Resolves with them as they stand after it, best first. */
async function stamp(
  executor: Executor,
  { tables }: Scope,
  { session: { sessionId, workerId } }: ClaimRequest,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const now = toNumber(rows[0]!["claimed_at"]);
  const firstWorkers = JSON.stringify([workerId]);
  const seqs: SqlValue[] = [...padded(rows.map((row) => toNumber(row["seq"])))];
  const params = [now, now, sessionId, JSON.stringify(workerId), firstWorkers, ...seqs];
  await executor.run(mysqlStatements(tables).claim(seqs.length), params);
  const claimed = rows.map((row) =>
    claimedRow(withHistory(row, now, workerId), { now, sessionId, firstWorkers }),
  );
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}

function withHistory(row: Row, now: number, workerId: string): Row {
  const claimed = { ...row, fence: toNumber(row["fence"]) + 1 };
  if (row["worker_ids"] === null) return claimed;
  const history = [
    JSON.stringify([...readTexts(row["worker_ids"]), workerId]),
    row["errors"],
    row["progress"],
    row["logs"],
    row["started_at"] ?? now,
    row["failures"],
    row["lost"],
  ];
  return { ...claimed, history: JSON.stringify(history) };
}

/** Makes scheduled rows ready that are due. Resolves with how many. */
async function promote(connection: Connection, { tables, backend }: Scope): Promise<number> {
  const { findDue, lockScheduled, promote: makeReady } = mysqlStatements(tables);
  const due = await connection.query(findDue, [backend, PROMOTE_ROWS]);
  if (due.length === 0) return 0;
  return connection.transaction(async (executor) => {
    const found = padded(due.map((row) => toNumber(row["seq"])));
    const locked = await executor.query(lockScheduled(found.length), found);
    if (locked.length === 0) return 0;
    const seqs = padded(locked.map((row) => toNumber(row["seq"])));
    await executor.run(makeReady(seqs.length), seqs);
    return locked.length;
  });
}
