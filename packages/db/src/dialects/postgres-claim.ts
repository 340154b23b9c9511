import type { ClaimRequest } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { textArray } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";

/** Scheduled rows that become ready in one statement. */
const PROMOTE_ROWS = 2000;

/** Claims the best ready rows of a request, or the one it names, without waiting for rows that others are claiming. */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  whenFound: () => Promise<void>,
): Promise<readonly Row[]> {
  const { sql, params } = claimStatement(scope, request);
  const { sessionId, workerId } = request.session;
  const firstWorkers = JSON.stringify([workerId]);
  await whenFound();
  for (;;) {
    const rows = await connection.query(sql, params);
    if (rows.length > 0 || request.id !== undefined) {
      const claimed = rows.map((row) =>
        claimedRow(row, { now: toNumber(row["last_attempted_at"]), sessionId, firstWorkers }),
      );
      // `returning` promises no order.
      return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
    }
    // A claim finds nothing while scheduled rows are due: a later one may have the higher priority.
    const promoted = await connection.run(postgresStatements(scope.tables).promote, [
      scope.backend,
      PROMOTE_ROWS,
    ]);
    if (promoted === 0) return [];
  }
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
  if (id !== undefined) return { sql: claimOne, params: [...first, id] };
  const { isAll, queues } = queuesOf(request);
  if (isAll) return { sql: claimAll, params: [...first, limit, queues] };
  const [onlyQueue, ...others] = queueNames;
  return onlyQueue !== undefined && others.length === 0
    ? { sql: claimQueue, params: [...first, limit, onlyQueue] }
    : { sql: claimQueues, params: [...first, limit, queues] };
}

/** The queues of a request as a list parameter: those to serve, or of all those to leave out. */
function queuesOf({ queueNames, excludeQueues }: ClaimRequest): {
  readonly isAll: boolean;
  readonly queues: string;
} {
  const isAll = queueNames.includes("*");
  return { isAll, queues: textArray(isAll ? excludeQueues : queueNames) };
}
