import type { ClaimRequest, WorkerSession } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { idParams } from "./sqlite-ids.ts";
import { claimStatement, sqliteStatements } from "./sqlite-statements.ts";

/** Scheduled rows that become ready in one statement. */
const PROMOTE_ROWS = 2000;
/** Queues one claim looks into; more than the tasks it may take would be of no use. */
const MOST_QUEUES = 200;

/** Claims the best ready rows of a request, or the one it names. */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  whenFound: () => Promise<void>,
): Promise<readonly Row[]> {
  const { limit, id } = request;
  const names = JSON.stringify(request.taskNames);
  if (id !== undefined) {
    await whenFound();
    return runClaim(connection, sqliteStatements(scope.tables).claimOne, request.session, [
      ...idParams(id),
      scope.backend,
      names,
    ]);
  }
  await promote(connection, scope);
  // Looking first leaves the write lock to those who need it.
  const queues = await queuesToClaim(connection, scope, request);
  if (queues.length === 0) return [];
  await whenFound();
  const params: SqlValue[] = [];
  for (const queue of queues) params.push(scope.backend, queue, names, limit);
  if (queues.length > 1) params.push(limit);
  const statement = claimStatement(scope.tables, queues.length);
  return runClaim(connection, statement, request.session, params);
}

/** Milliseconds until a row of the request may be claimed. */
export async function readyInMs(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<number | null> {
  const heads = await headsOf(executor, scope, request);
  if (heads.length > 0) return 0;
  const [row] = await executor.query(sqliteStatements(scope.tables).nextScheduled, [scope.backend]);
  return row === undefined ? null : Math.max(0, toNumber(row["due"]) - Date.now());
}

/** Names of ready tasks the request does not know. */
export async function findUnknownTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const queues = await queuesOf(executor, scope, request);
  const rows = await executor.query(sqliteStatements(scope.tables).unknownTasks, [
    scope.backend,
    JSON.stringify(queues),
    JSON.stringify(request.taskNames),
  ]);
  return rows.map((row) => toText(row["task_name"]));
}

async function runClaim(
  connection: Connection,
  statement: string,
  { sessionId, workerId }: WorkerSession,
  params: readonly SqlValue[],
): Promise<readonly Row[]> {
  const now = Date.now();
  const firstWorkers = JSON.stringify([workerId]);
  const rows = await connection.query(statement, [
    now,
    now,
    sessionId,
    firstWorkers,
    workerId,
    ...params,
  ]);
  const claimed = rows.map((row) => claimedRow(row, { now, sessionId, firstWorkers }));
  // `returning` promises no order.
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}

/** Makes scheduled rows ready that are due. All of them: a later one may have the higher priority. */
async function promote(connection: Connection, scope: Scope): Promise<void> {
  const { hasDue, promote } = sqliteStatements(scope.tables);
  for (;;) {
    const params = [scope.backend, Date.now()];
    const due = await connection.query(hasDue, params);
    if (due.length === 0) return;
    await connection.run(promote, [...params, PROMOTE_ROWS]);
    await new Promise(setImmediate);
  }
}

/** The queues the best rows are in. */
async function queuesToClaim(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const heads = await headsOf(executor, scope, request);
  // The best n rows are in the n queues with the best heads.
  return heads
    .toSorted((a, b) => compareRows(a.row, b.row))
    .slice(0, Math.min(request.limit, MOST_QUEUES))
    .map(({ queue }) => queue);
}

/** The best row of each queue that has one and is not paused. */
async function headsOf(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly { readonly queue: string; readonly row: Row }[]> {
  const names = JSON.stringify(request.taskNames);
  const heads: { queue: string; row: Row }[] = [];
  for (const queue of await queuesOf(executor, scope, request)) {
    const [row] = await executor.query(sqliteStatements(scope.tables).head, [
      scope.backend,
      queue,
      names,
      scope.backend,
      queue,
    ]);
    if (row !== undefined) heads.push({ queue, row });
  }
  return heads;
}

async function queuesOf(
  executor: Executor,
  scope: Scope,
  { queueNames, excludeQueues }: ClaimRequest,
): Promise<readonly string[]> {
  if (!queueNames.includes("*")) return [...new Set(queueNames)];
  const { backend } = scope;
  const rows = await executor.query(sqliteStatements(scope.tables).readyQueues, [backend, backend]);
  return rows.map((row) => toText(row["name"])).filter((name) => !excludeQueues.includes(name));
}
