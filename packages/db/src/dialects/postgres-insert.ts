import { DuplicateTask, type Enqueued, type EnqueueRequest, type TasksError } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toDate, toNumber, toRecord, toText } from "../rows.ts";
import { inPortions } from "./portions.ts";
import { postgresStatements } from "./postgres-statements.ts";

/** Stores requests in order: plain ones in one statement, unique ones each by itself. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
): Promise<readonly (Enqueued | TasksError)[]> {
  const answers: (Enqueued | TasksError)[] = [];
  // Unique requests go one by one between runs of plain ones, so that enqueue order is kept.
  let plain: EnqueueRequest[] = [];
  const flush = async (): Promise<void> => {
    for (const portion of inPortions(plain, sizeOf)) {
      const enqueuedAt = await storePlain(executor, scope, portion);
      for (const request of portion) answers.push(toEnqueued(request, enqueuedAt));
    }
    plain = [];
  };
  for (const request of requests) {
    if (request.unique === null) {
      plain.push(request);
    } else {
      await flush();
      answers.push(await storeUnique(executor, scope, request));
    }
  }
  await flush();
  return answers;
}

async function storePlain(
  executor: Executor,
  { tables, backend }: Scope,
  requests: readonly EnqueueRequest[],
): Promise<Date> {
  const { insert, insertMany } = postgresStatements(tables);
  const [row] = await (requests.length === 1
    ? executor.query(insert, insertParams(backend, requests[0]!))
    : executor.query(insertMany, [backend, JSON.stringify(requests.map(toRow))]));
  return toDate(row?.["enqueued_at"]);
}

async function storeUnique(
  executor: Executor,
  scope: Scope,
  request: EnqueueRequest,
): Promise<Enqueued | TasksError> {
  const { key, scope: span, windowMs, onConflict } = request.unique!;
  const { tables, backend } = scope;
  const { releaseWindow, insertUnique, readUnique } = postgresStatements(tables);
  const [inserted] = await executor.query(insertUnique, [
    ...insertParams(backend, request),
    key,
    span,
    span === "window" ? windowMs : null,
  ]);
  if (inserted !== undefined) return toEnqueued(request, toDate(inserted["enqueued_at"]));
  const [row] = await executor.query(readUnique, [backend, key]);
  if (row?.["is_over"] === true) await executor.run(releaseWindow, [backend, key]);
  // The holder may have let go in between.
  if (row === undefined || row["is_over"] === true) return storeUnique(executor, scope, request);
  if (onConflict === "reject") return new DuplicateTask(request.taskName, toText(row["id"]));
  return { record: toRecord(row), deduplicated: true };
}

function toEnqueued(request: EnqueueRequest, enqueuedAt: Date): Enqueued {
  return { record: transitions.enqueue(request, enqueuedAt), deduplicated: false };
}

function insertParams(backend: string, request: EnqueueRequest): readonly SqlValue[] {
  const { id, queue_name, task_name, priority, max_lost, metadata, args, run_after, delay } =
    toRow(request);
  return [backend, id, queue_name, task_name, priority, max_lost, metadata, args, run_after, delay];
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the columns of `insertMany`, in its order
function toRow(request: EnqueueRequest) {
  return {
    id: request.id,
    queue_name: request.queueName,
    task_name: request.taskName,
    priority: request.priority,
    max_lost: request.maxLost,
    metadata: JSON.stringify(request.metadata),
    args: request.argsJson,
    run_after: request.delayMs === null ? (request.runAfter?.getTime() ?? null) : null,
    delay: request.delayMs === null ? null : toNumber(Math.round(request.delayMs)),
  };
}

function sizeOf({ argsJson }: EnqueueRequest): number {
  return argsJson.length;
}
