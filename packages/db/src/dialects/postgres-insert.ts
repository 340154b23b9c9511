import { DuplicateTask, type Enqueued, type EnqueueRequest, type TasksError } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toDate, toNumber, toRecord, toText } from "../rows.ts";
import { isAlike } from "./alike.ts";
import { inPortions } from "./portions.ts";
import { channelOf, messageOf, textArray } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";
import { idOfRow, tailOf } from "./row-ids.ts";

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
  const tails = requests.map(({ id }) => tailOf(id, scope.keepsIds));
  if (others.length === 0) {
    const [row] = await executor.query(insert, [...insertParams(scope, first), ...told]);
    return [toEnqueued(first, tails[0]!, row)];
  }
  const isAllAlike = others.every(
    (request, index) =>
      (tails[index + 1] === null) === (tails[0] === null) && isAlike(request, first),
  );
  const [row] = await (isAllAlike
    ? executor.query(insertAlike, [
        ...alikeParams(insertParams(scope, first), requests, tails),
        ...told,
        requests.length,
      ])
    : executor.query(insertMany, [
        scope.backend,
        JSON.stringify(requests.map((request, index) => toRow(request, index + 1, tails[index]!))),
        requests.length,
        ...told,
      ]));
  const enqueuedAt = toDate(row?.["enqueued_at"]);
  const seqs = toText(row?.["seqs"]).split(",");
  return requests.map((request, index) => {
    const tail = tails[index]!;
    const id = tail === null ? request.id : idOfRow(Number(seqs[index]), tail);
    return { record: transitions.enqueue(request, enqueuedAt, id), deduplicated: false };
  });
}

/** The parameters of the first request, with lists of what differs from one to the next. */
function alikeParams(
  [backend, , ...settings]: readonly SqlValue[],
  requests: readonly EnqueueRequest[],
  tails: readonly (string | null)[],
): readonly SqlValue[] {
  const ids = textArray(requests.map(({ id }, index) => tails[index] ?? id));
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
    ...insertParams(scope, request),
    key,
    span,
    span === "window" ? windowMs : null,
  ]);
  if (inserted !== undefined) {
    return toEnqueued(request, tailOf(request.id, scope.keepsIds), inserted);
  }
  const [row] = await executor.query(readUnique, [backend, key]);
  if (row?.["is_over"] === true) await executor.run(releaseWindow, [backend, key]);
  // The holder may have let go in between.
  if (row === undefined || row["is_over"] === true) return storeUnique(executor, scope, request);
  if (onConflict === "reject") return new DuplicateTask(request.taskName, toText(row["id"]));
  return { record: toRecord(row), deduplicated: true };
}

/** What a row that was stored alone is answered with. */
function toEnqueued(
  request: EnqueueRequest,
  tail: string | null,
  stored: Row | undefined,
): Enqueued {
  const id = tail === null ? request.id : idOfRow(toNumber(stored?.["seq"]), tail);
  const record = transitions.enqueue(request, toDate(stored?.["enqueued_at"]), id);
  return { record, deduplicated: false };
}

/** Where the arguments are among the parameters after the id. */
const ARGS = 6;

function insertParams({ backend, keepsIds }: Scope, request: EnqueueRequest): readonly SqlValue[] {
  const tail = tailOf(request.id, keepsIds);
  const row = toRow(request, 1, tail);
  const { id, queue_name, task_name, priority, max_lost, metadata, args, run_after, delay } = row;
  const isGiven = row.is_given ? 1 : 0;
  return [
    backend,
    id,
    isGiven,
    queue_name,
    task_name,
    priority,
    max_lost,
    metadata,
    args,
    run_after,
    delay,
  ];
}

// oxlint-disable-next-line typescript/explicit-function-return-type -- the columns of `insertMany`
function toRow(request: EnqueueRequest, position: number, tail: string | null) {
  return {
    id: tail ?? request.id,
    is_given: tail === null,
    position,
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
