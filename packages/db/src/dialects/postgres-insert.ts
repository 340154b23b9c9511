import { DuplicateTask, type Enqueued, type EnqueueRequest, type TasksError } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toDate, toNumber, toRecord, toText } from "../rows.ts";
import { isAlike } from "./alike.ts";
import { inPortions } from "./portions.ts";
import { channelOf, messageOf, textArray } from "./postgres-names.ts";
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
      answers.push(...(await storePlain(executor, scope, portion, null)));
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

/** Stores plain requests in one statement, and tells of them with it. */
export function insertAtOnce(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
  teller: () => string | null,
): Promise<readonly Enqueued[]> | undefined {
  if (requests.some(({ unique }) => unique !== null)) return undefined;
  if (inPortions(requests, sizeOf).length > 1) return undefined;
  return storePlain(executor, scope, requests, teller());
}

async function storePlain(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
  sender: string | null,
): Promise<readonly Enqueued[]> {
  const { insert, insertAlike, insertMany } = postgresStatements(scope.tables);
  const told =
    sender === null ? [null, null] : [channelOf(scope), messageOf(scope, "work", sender)];
  const [first, ...others] = requests as [EnqueueRequest, ...EnqueueRequest[]];
  const params = insertParams(scope.backend, first);
  const [row] = await (others.length === 0
    ? executor.query(insert, [...params, ...told])
    : others.every((request) => isAlike(request, first))
      ? executor.query(insertAlike, [...alikeParams(params, requests), ...told])
      : executor.query(insertMany, [scope.backend, JSON.stringify(requests.map(toRow)), ...told]));
  const enqueuedAt = toDate(row?.["enqueued_at"]);
  return requests.map((request) => toEnqueued(request, enqueuedAt));
}

/** The parameters of the first request, with lists of what differs from one to the next. */
function alikeParams(
  [backend, , ...settings]: readonly SqlValue[],
  requests: readonly EnqueueRequest[],
): readonly SqlValue[] {
  const ids = textArray(requests.map(({ id }) => id));
  const args = textArray(requests.map(({ argsJson }) => argsJson));
  return [backend!, ids, ...settings.with(ARGS, args)];
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

/** Where the arguments are among the parameters after the id. */
const ARGS = 5;

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
