import { setTimeout as sleep } from "node:timers/promises";

import type { ClaimRequest } from "@tasks/core/worker";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import { claimedRow, compareRows } from "./claimed-row.ts";
import { idParams } from "./postgres-ids.ts";
import { textArray } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";

/** Scheduled rows that become ready in one statement. */
const PROMOTE_ROWS = 2000;
/** How long a claim waits for due rows in others' hands, and the pause between two looks at them, in milliseconds. */
const HELD_MS = 250;
const HELD_PAUSE_MS = 5;

/** Claims the best ready rows of a request, or the one it names, without waiting for rows that others are claiming. */
export async function claimTasks(
  connection: Connection,
  scope: Scope,
  request: ClaimRequest,
  whenFound: () => Promise<void>,
): Promise<readonly Row[]> {
  await whenFound();
  let patientUntilMs = performance.now() + HELD_MS;
  let wasReady = false;
  for (;;) {
    // A claim finds nothing while scheduled rows are due, since one of them may have the higher priority: they are made ready first.
    const isPatient = performance.now() < patientUntilMs;
    const { sql, params } = claimStatement(scope, request, isPatient);
    const rows = await connection.query(sql, params);
    if (rows.length > 0 || request.id !== undefined) return toClaimed(rows, request);
    const { promoted, isDue, isReady } = await promote(connection, scope, request);
    if (promoted > 0) {
      patientUntilMs = performance.now() + HELD_MS;
    } else if (isDue) {
      // Someone else is about to make them ready, or holds on to them: what is ready besides is not kept waiting for long.
      if (!isPatient) return [];
      await sleep(HELD_PAUSE_MS);
    } else {
      // Someone else made them ready since the claim. Rows that still cannot be had after another look are others' too.
      if (!isReady || wasReady) return [];
      wasReady = true;
    }
  }
}

function toClaimed(rows: readonly Row[], { session }: ClaimRequest): readonly Row[] {
  const { sessionId, workerId } = session;
  const firstWorkers = JSON.stringify([workerId]);
  const claimed = rows.map((row) => {
    const [now, priority, due, enqueued_at, max_lost, run_after = null] = toText(
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
        history,
      },
      { now, sessionId, firstWorkers },
    );
  });
  // `returning` promises no order.
  return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
}

/** Makes due rows ready that nobody else holds. */
async function promote(
  executor: Executor,
  scope: Scope,
  request: ClaimRequest,
): Promise<{ readonly promoted: number; readonly isDue: boolean; readonly isReady: boolean }> {
  const { promote: ofQueues, promoteOfAll } = postgresStatements(scope.tables);
  const { isAll, queues } = queuesOf(request);
  const names = textArray(request.taskNames);
  const [row] = await executor.query(isAll ? promoteOfAll : ofQueues, [
    scope.backend,
    names,
    queues,
    PROMOTE_ROWS,
  ]);
  return {
    promoted: toNumber(row?.["promoted"]),
    isDue: row?.["is_due"] === true,
    isReady: row?.["is_ready"] === true,
  };
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
  isPatient: boolean,
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
  const { isAll, queues } = queuesOf(request);
  const patience = isPatient ? 1 : 0;
  if (isAll) return { sql: claimAll, params: [...first, limit, queues, patience] };
  const [onlyQueue, ...others] = queueNames;
  return onlyQueue !== undefined && others.length === 0
    ? { sql: claimQueue, params: [...first, limit, onlyQueue, patience] }
    : { sql: claimQueues, params: [...first, limit, queues, patience] };
}

/** The queues of a request as a list parameter: those to serve, or of all those to leave out. */
function queuesOf({ queueNames, excludeQueues }: ClaimRequest): {
  readonly isAll: boolean;
  readonly queues: string;
} {
  const isAll = queueNames.includes("*");
  return { isAll, queues: textArray(isAll ? excludeQueues : queueNames) };
}
