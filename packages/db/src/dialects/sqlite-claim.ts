import type { ClaimRequest, WorkerSession } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { ClaimSteps, Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { queryNamed, type NamedStatement } from "./named-params.ts";
import { seqOf } from "./row-ids.ts";
import type { ClaimParam, SearchStatements } from "./sqlite-claim-statements.ts";
import { sqliteStatements } from "./sqlite-statements.ts";

/** Queues one claim takes rows from; more than the tasks it may take would be of no use. */
const MAX_QUEUES = 200;
/** With fewer scheduled queues than this, each is searched by itself where some queues are left out. */
const FEW_QUEUES = 64;

/** Claims the best due rows of a request, or the one it names. */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  { whenFound }: ClaimSteps,
): Promise<readonly Row[]> {
  const { session, id } = request;
  const { claimOne, claimQueue, claimQueues } = sqliteStatements(scope.tables);
  if (id !== undefined) {
    await whenFound();
    const values = { ...valuesOf(scope, request), id, seq: seqOf(id) };
    return runClaim(connection, session, claimOne, values);
  }
  // The search only reads, which leaves the write lock to workers that found something.
  const search = await beginSearch(connection, scope, request);
  const ready = await readyQueues(connection, search, Math.min(request.limit, MAX_QUEUES));
  const isDue = await hasDue(connection, search);
  if (ready.length === 0 && !isDue) return [];
  await whenFound();
  const [readyQueue, ...others] = ready;
  const values = { ...search.values, readyQueues: JSON.stringify(ready), readyQueue: readyQueue! };
  if (isDue) return runClaim(connection, session, search.scheduled.claim, values);
  return runClaim(connection, session, others.length === 0 ? claimQueue : claimQueues, values);
}

/** Milliseconds until a row of the request may be claimed. */
export async function readyInMs(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<number | null> {
  const search = await beginSearch(executor, scope, request);
  if ((await readyQueues(executor, search, 1)).length > 0) return 0;
  if (await hasDue(executor, search)) return 0;
  const [row] = await queryNamed(executor, search.scheduled.nextDue, atNow(search.values));
  const due = row?.["due"] ?? null;
  return due === null ? null : Math.max(0, toNumber(due) - Date.now());
}

/** Names of due tasks the request does not know. */
export async function findUnknownTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const { ready, scheduled, values } = await beginSearch(executor, scope, request);
  const rows = [
    ...(await queryNamed(executor, ready.unknownReady, values)),
    ...(await queryNamed(executor, scheduled.unknownDue, atNow(values))),
  ];
  return [...new Set(rows.map((row) => toText(row["task_name"])))].slice(0, 10);
}

type Values = Readonly<Record<ClaimParam, SqlValue>>;

/** How the rows of one request are searched. */
interface Search {
  readonly ready: SearchStatements;
  readonly scheduled: SearchStatements;
  readonly values: Values;
}

async function beginSearch(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<Search> {
  const { ofQueues, ofAll, pausedQueues, scheduledQueues } = sqliteStatements(scope.tables);
  const values = valuesOf(scope, request);
  if (!request.queueNames.includes("*")) return { ready: ofQueues, scheduled: ofQueues, values };
  const paused = await queryNamed(executor, pausedQueues, values);
  const barred = [...request.excludeQueues, ...namesOf(paused)];
  const search = {
    ready: ofAll,
    scheduled: ofAll,
    values: { ...values, barred: JSON.stringify(barred) },
  };
  if (barred.length === 0) return search;
  // Rows of all queues are in one order, where many of a paused queue may be in front; a search by queue has to visit every queue.
  const queues = namesOf(
    await queryNamed(executor, scheduledQueues, { ...values, limit: FEW_QUEUES }),
  );
  if (queues.length === FEW_QUEUES) return search;
  const served = queues.filter((name) => !barred.includes(name));
  return {
    ...search,
    scheduled: ofQueues,
    values: { ...search.values, queues: JSON.stringify(served) },
  };
}

/** What the statements of a request have in common. */
function valuesOf(
  { backend }: Scope,
  { queueNames, excludeQueues, taskNames, limit, session }: ClaimRequest,
): Values {
  return {
    backend,
    id: null,
    seq: null,
    tasks: JSON.stringify(taskNames),
    queues: JSON.stringify([...new Set(queueNames)]),
    barred: JSON.stringify(excludeQueues),
    readyQueues: null,
    readyQueue: null,
    limit,
    now: null,
    session: session.sessionId,
    worker: session.workerId,
    firstWorkers: JSON.stringify([session.workerId]),
  };
}

function atNow(values: Values): Values & { readonly now: number } {
  return { ...values, now: Date.now() };
}

function namesOf(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => toText(row["name"]));
}

/** The queues the best ready rows are in. The best n rows are in the n queues with the best first rows. */
async function readyQueues(
  executor: Executor,
  { ready, values }: Search,
  limit: number,
): Promise<readonly string[]> {
  return namesOf(await queryNamed(executor, ready.readyQueues, { ...values, limit }));
}

async function hasDue(executor: Executor, { scheduled, values }: Search): Promise<boolean> {
  return (await queryNamed(executor, scheduled.hasDue, atNow(values))).length > 0;
}

async function runClaim(
  connection: Connection,
  { sessionId }: WorkerSession,
  statement: NamedStatement<ClaimParam>,
  values: Values,
): Promise<readonly Row[]> {
  const present = atNow(values);
  const rows = await queryNamed(connection, statement, present);
  const firstWorkers = String(values.firstWorkers);
  const claimed = rows.map((row) => claimedRow(row, { now: present.now, sessionId, firstWorkers }));
  // `returning` promises no order.
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}
