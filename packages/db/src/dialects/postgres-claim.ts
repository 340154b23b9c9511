import type { ClaimRequest } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { ClaimSteps, Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { idParams } from "./postgres-ids.ts";
import { textArray } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";

/** Rows that are read for each that is to be claimed: other workers may have locked some of them. */
const ROWS_READ = 3;
/** How many times more are read after each claim that found nothing although something was due. */
const MISS_FACTOR = 8;
/** Queues a claim reads rows of, unless claims before it found nothing. */
const MAX_QUEUES = 200;

/** Claims the best due rows of a request, or the one it names, without waiting for rows that other workers are claiming. */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  { whenFound, misses }: ClaimSteps,
): Promise<readonly Row[]> {
  await whenFound();
  const { sql, params } = claimStatement(scope, request, misses);
  return toClaimed(await connection.query(sql, params), request);
}

function toClaimed(rows: readonly Row[], { session }: ClaimRequest): readonly Row[] {
  const { sessionId, workerId } = session;
  const firstWorkers = JSON.stringify([workerId]);
  const claimed = rows.map((row) => {
    const [now, priority, due, enqueued_at, max_lost, holds_key, run_after = null] = toText(
      row["numbers"],
    ).split(" ");
    const { seq, id, fence, queue_name, task_name, metadata, args, history } = row;
    return claimedRow(
      {
        seq,
        id,
        fence,
        queue_name,
        task_name,
        priority,
        due,
        run_after,
        enqueued_at,
        max_lost,
        metadata,
        args,
        holds_key,
        history,
      },
      { now, sessionId, firstWorkers },
    );
  });
  // `returning` promises no order.
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}

/** Milliseconds until a row of the request may be claimed. */
export async function readyInMs(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<number | null> {
  const { readyInMs: ofQueues, readyInMsOfAll } = postgresStatements(scope.tables);
  const { isAll, queues } = queuesOf(request);
  const names = textArray(request.taskNames);
  const [row] = await executor.query(isAll ? readyInMsOfAll : ofQueues, [
    scope.backend,
    names,
    queues,
  ]);
  const ms = row?.["ms"] ?? null;
  return ms === null ? null : toNumber(ms);
}

/** Names of ready tasks the request does not know. */
export async function findUnknownTasks(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<readonly string[]> {
  const { unknownTasks, unknownTasksOfAll } = postgresStatements(scope.tables);
  const { isAll, queues } = queuesOf(request);
  const rows = await executor.query(isAll ? unknownTasksOfAll : unknownTasks, [
    scope.backend,
    textArray(request.taskNames),
    queues,
  ]);
  return rows.map((row) => toText(row["task_name"]));
}

function claimStatement(
  { tables, backend }: Scope,
  request: ClaimRequest,
  misses: number,
): { readonly sql: string; readonly params: readonly SqlValue[] } {
  const { claimOne, claimQueue, claimQueues, claimAll } = postgresStatements(tables);
  const { session, id, limit, queueNames } = request;
  const { sessionId, workerId } = session;
  const first = [
    sessionId,
    JSON.stringify([workerId]),
    JSON.stringify(workerId),
    backend,
    textArray(request.taskNames),
  ];
  if (id !== undefined) return { sql: claimOne, params: [...first, ...idParams(id)] };
  const [onlyQueue, ...others] = queueNames;
  const { isAll, queues } = queuesOf(request);
  if (!isAll && onlyQueue !== undefined && others.length === 0) {
    return { sql: claimQueue, params: [...first, limit, onlyQueue] };
  }
  const more = MISS_FACTOR ** Math.min(misses, 5);
  const rows = ROWS_READ * limit * more;
  const params = [...first, limit, queues, rows, Math.min(rows, MAX_QUEUES * more)];
  return { sql: isAll ? claimAll : claimQueues, params };
}

/** The queues of a request as a list parameter: those to serve, or of all those to leave out. */
function queuesOf({ queueNames, excludeQueues }: ClaimRequest): {
  readonly isAll: boolean;
  readonly queues: string;
} {
  const isAll = queueNames.includes("*");
  return { isAll, queues: textArray(isAll ? excludeQueues : queueNames) };
}
