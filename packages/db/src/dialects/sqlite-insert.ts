import { DuplicateTask, type Enqueued, type EnqueueRequest, type TasksError } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toRecord, toText } from "../rows.ts";
import { isAlike } from "./alike.ts";
import { idColumns, idOf } from "./sqlite-ids.ts";
import { insertStatement, sqliteStatements } from "./sqlite-statements.ts";
import { phaseOf } from "./values.ts";

/** How many rows one statement stores; longest first. */
const STATEMENT_ROWS = [100, 10, 1];

/** What the rows of one insert share. */
interface Context {
  readonly executor: Executor;
  readonly scope: Scope;
  readonly now: Date;
}

/** Stores requests in order: plain ones many at a time, unique ones each by itself. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
): Promise<readonly (Enqueued | TasksError)[]> {
  const context: Context = { executor, scope, now: new Date() };
  const answers: (Enqueued | TasksError)[] = [];
  while (answers.length < requests.length) {
    const start = answers.length;
    const first = requests[start]!;
    if (first.unique === null) await storePlain(context, requests, start, answers);
    else answers.push(await storeUnique(context, first));
  }
  return answers;
}

/** Stores the request at `start`, and those after it that differ from it in id and arguments only. */
async function storePlain(
  context: Context,
  requests: readonly EnqueueRequest[],
  start: number,
  answers: (Enqueued | TasksError)[],
): Promise<void> {
  const { executor, scope, now } = context;
  const first = requests[start]!;
  const columns = idColumns(first.id, scope.keepsIds);
  const settings = settingsOf(context, first);
  // The first row takes the write lock with the table's next number; no one else counts on from there.
  const [stored] = await executor.query(sqliteStatements(scope.tables).insert, [
    ...settings,
    columns.id_tail,
    columns.given_id,
    first.argsJson,
  ]);
  const seq = toNumber(stored?.["seq"]);
  answers.push({
    record: transitions.enqueue(first, now, idOf(seq, columns)),
    deduplicated: false,
  });
  if (columns.given_id !== null) return;
  const others: (readonly [seq: number, tail: string, args: string])[] = [];
  for (let index = start + 1; index < requests.length; index++) {
    const request = requests[index]!;
    const { id_tail } = idColumns(request.id, scope.keepsIds);
    if (id_tail === null || !isAlike(request, first)) break;
    const own = seq + index - start;
    others.push([own, id_tail, request.argsJson]);
    const id = idOf(own, { id_tail, given_id: null });
    answers.push({ record: transitions.enqueue(request, now, id), deduplicated: false });
  }
  await storeAlike(context, settings, others);
}

/** Stores rows that have their settings in common. */
async function storeAlike(
  { executor, scope }: Context,
  settings: readonly SqlValue[],
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  let start = 0;
  for (const length of STATEMENT_ROWS) {
    const paramLists: SqlValue[][] = [];
    for (; start + length <= rows.length; start += length) {
      const params = [...settings];
      for (let index = start; index < start + length; index++) params.push(...rows[index]!);
      paramLists.push(params);
    }
    if (paramLists.length === 0) continue;
    await executor.runMany(insertStatement(scope.tables, length), paramLists);
  }
}

async function storeUnique(
  context: Context,
  request: EnqueueRequest,
): Promise<Enqueued | TasksError> {
  const { executor, scope, now } = context;
  const { key, scope: span, windowMs, onConflict } = request.unique!;
  const { releaseWindow, insertUnique, readUnique } = sqliteStatements(scope.tables);
  const columns = idColumns(request.id, scope.keepsIds);
  await executor.run(releaseWindow, [scope.backend, key, now.getTime()]);
  const [stored] = await executor.query(insertUnique, [
    ...settingsOf(context, request),
    columns.id_tail,
    columns.given_id,
    request.argsJson,
    key,
    span,
    span === "window" ? now.getTime() + windowMs : null,
  ]);
  if (stored !== undefined) {
    const id = idOf(toNumber(stored["seq"]), columns);
    return { record: transitions.enqueue(request, now, id), deduplicated: false };
  }
  const [holder] = await executor.query(readUnique, [scope.backend, key]);
  // Outside a transaction the holder may have let go in between.
  if (holder === undefined) return storeUnique(context, request);
  if (onConflict === "reject") return new DuplicateTask(request.taskName, toText(holder["id"]));
  return { record: toRecord(holder), deduplicated: true };
}

/** The parameters of a row's settings. */
function settingsOf({ scope, now }: Context, request: EnqueueRequest): readonly SqlValue[] {
  const record = transitions.enqueue(request, now);
  const enqueuedAt = now.getTime();
  const runAfter = record.runAfter === null ? null : record.runAfter.getTime();
  const due = runAfter ?? enqueuedAt;
  return [
    scope.backend,
    record.queueName,
    record.taskName,
    phaseOf(record, due, enqueuedAt),
    record.priority,
    due,
    runAfter,
    enqueuedAt,
    record.maxLost,
    JSON.stringify(record.metadata),
  ];
}

/** Two requests have the same settings, and neither is unique. */
