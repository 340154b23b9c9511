import {
  DuplicateTask,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
  type TasksError,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toRecord, toText } from "../rows.ts";
import { ROWS_PER_INSERT, sqliteStatements } from "./sqlite-statements.ts";
import { phaseOf } from "./values.ts";

/** Stores requests in order: plain ones many at a time, unique ones each by itself. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
): Promise<readonly (Enqueued | TasksError)[]> {
  const now = new Date();
  const records = requests.map((request) => transitions.enqueue(request, now));
  const answers: (Enqueued | TasksError)[] = records.map((record) => ({
    record,
    deduplicated: false,
  }));
  // Unique requests go one by one between runs of plain ones, so that enqueue order is kept.
  let plain: (readonly SqlValue[])[] = [];
  const flush = async (): Promise<void> => {
    await storePlain(executor, scope, plain);
    plain = [];
  };
  for (const [index, request] of requests.entries()) {
    const record = records[index]!;
    if (request.unique === null) {
      plain.push(insertParams(scope, request, record, now.getTime()));
    } else {
      await flush();
      answers[index] = await storeUnique(executor, scope, request, record);
    }
  }
  await flush();
  return answers;
}

async function storePlain(
  executor: Executor,
  scope: Scope,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  const { insert, insertMany } = sqliteStatements(scope.tables);
  const inTheLong = rows.length - (rows.length % ROWS_PER_INSERT);
  for (let start = 0; start < inTheLong; start += ROWS_PER_INSERT) {
    await executor.run(insertMany, rows.slice(start, start + ROWS_PER_INSERT).flat());
  }
  const rest = inTheLong === 0 ? rows : rows.slice(inTheLong);
  if (rest.length === 1) await executor.run(insert, rest[0]!);
  else if (rest.length > 1) await executor.runMany(insert, rest);
}

async function storeUnique(
  executor: Executor,
  scope: Scope,
  request: EnqueueRequest,
  record: TaskRecord,
): Promise<Enqueued | TasksError> {
  const { key, scope: span, windowMs, onConflict } = request.unique!;
  const now = record.enqueuedAt.getTime();
  const { releaseWindow, insertUnique, readUnique } = sqliteStatements(scope.tables);
  await executor.run(releaseWindow, [scope.backend, key, now]);
  const inserted = await executor.run(insertUnique, [
    ...insertParams(scope, request, record, now),
    key,
    span,
    span === "window" ? now + windowMs : null,
  ]);
  if (inserted > 0) return { record, deduplicated: false };
  const [row] = await executor.query(readUnique, [scope.backend, key]);
  // Outside a transaction the holder may have let go in between.
  if (row === undefined) return storeUnique(executor, scope, request, record);
  if (onConflict === "reject") return new DuplicateTask(request.taskName, toText(row["id"]));
  return { record: toRecord(row), deduplicated: true };
}

function insertParams(
  { backend }: Scope,
  request: EnqueueRequest,
  record: TaskRecord,
  now: number,
): readonly SqlValue[] {
  const runAfter = record.runAfter === null ? null : record.runAfter.getTime();
  const due = runAfter ?? now;
  return [
    record.id,
    backend,
    record.queueName,
    record.taskName,
    phaseOf(record, due, now),
    record.priority,
    due,
    runAfter,
    now,
    record.maxLost,
    JSON.stringify(record.metadata),
    request.argsJson,
  ];
}
