import {
  DuplicateTask,
  InvalidTask,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
  type TasksError,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toRecord, toText } from "../rows.ts";
import { NOW } from "./mysql-names.ts";
import { inMysqlPortions } from "./mysql-portions.ts";
import { mysqlStatements } from "./mysql-statements.ts";
import { phaseOf } from "./values.ts";

/** Stores requests in order: plain ones in one statement, unique ones each by itself. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly EnqueueRequest[],
): Promise<readonly (Enqueued | TasksError)[]> {
  // Statements that write give nothing back here: the server's clock is asked first.
  const now = await readNow(executor);
  const answers: (Enqueued | TasksError)[] = [];
  // Unique requests go one by one between runs of plain ones, so that enqueue order is kept.
  let plain: { readonly request: EnqueueRequest; readonly record: TaskRecord }[] = [];
  const flush = async (): Promise<void> => {
    const rows = plain.map(({ request, record }) => toRow(request, record, now));
    await storePlain(executor, scope, rows, now);
    for (const { record } of plain) answers.push({ record, deduplicated: false });
    plain = [];
  };
  for (const request of requests) {
    const record = transitions.enqueue(request, new Date(now));
    if (request.unique === null) {
      plain.push({ request, record });
    } else {
      await flush();
      answers.push(await storeUnique(executor, scope, request, record, now));
    }
  }
  await flush();
  return answers;
}

/** The present by the server's clock. */
export async function readNow(executor: Executor): Promise<number> {
  const [row] = await executor.query(`select ${NOW} as now`, []);
  return toNumber(row?.["now"]);
}

async function storePlain(
  executor: Executor,
  { tables, backend }: Scope,
  rows: readonly (readonly SqlValue[])[],
  now: number,
): Promise<void> {
  const { insert, insertMany } = mysqlStatements(tables);
  if (rows.length === 1) {
    await executor.run(insert, [backend, now, ...rows[0]!]);
    return;
  }
  for (const portion of inMysqlPortions(rows)) {
    await executor.run(insertMany, [backend, now, JSON.stringify(portion)]);
  }
}

async function storeUnique(
  executor: Executor,
  scope: Scope,
  request: EnqueueRequest,
  record: TaskRecord,
  now: number,
): Promise<Enqueued | TasksError> {
  const { key, scope: span, windowMs, onConflict } = request.unique!;
  const { tables, backend } = scope;
  const { insertUnique, releaseWindow, readUnique, hasId } = mysqlStatements(tables);
  const until = span === "window" ? now + windowMs : null;
  const row = toRow(request, record, now);
  for (;;) {
    await executor.run(insertUnique, [backend, now, ...row, key, span, until]);
    const [holder] = await executor.query(readUnique, [backend, key]);
    if (holder?.["id"] === record.id) return { record, deduplicated: false };
    if (toNumber(holder?.["is_over"]) !== 0) await executor.run(releaseWindow, [backend, key]);
    else if (holder !== undefined) {
      return onConflict === "reject"
        ? new DuplicateTask(request.taskName, toText(holder["id"]))
        : { record: toRecord(holder), deduplicated: true };
    } else if ((await executor.query(hasId, [record.id])).length > 0) {
      throw new InvalidTask(
        `The id '${record.id}' is taken; idFunction must never return it twice.`,
      );
    }
    // The holder has let go in between.
  }
}

/** The columns of the inserts after the first two, in their order. */
function toRow(request: EnqueueRequest, record: TaskRecord, now: number): readonly SqlValue[] {
  const runAfter = record.runAfter === null ? null : record.runAfter.getTime();
  const due = runAfter ?? now;
  return [
    record.id,
    record.queueName,
    record.taskName,
    record.priority,
    record.maxLost,
    JSON.stringify(record.metadata),
    request.argsJson,
    phaseOf(record, due, now),
    due,
    runAfter,
  ];
}
