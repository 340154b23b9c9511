import type { Enqueued, EnqueueRequest, TaskRecord, TasksError } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, Row, SqlValue } from "../connection.ts";
import type { InsertOptions, InsertRequest, Scope } from "../dialect.ts";
import { toDate, toNumber, toRecord, toText } from "../rows.ts";
import { isAlike } from "./alike.ts";
import { inChunks } from "./chunks.ts";
import {
  insertInOrder,
  needsLook,
  notOpen,
  type Found,
  type KeyRow,
  type Planned,
} from "./insert-plan.ts";
import { inPortions } from "./portions.ts";
import { seqArray } from "./postgres-ids.ts";
import { postgresInsertStatements } from "./postgres-insert-statements.ts";
import { channelOf, messageOf, textArray } from "./postgres-names.ts";
import { idOfRow, newTail } from "./row-ids.ts";

/** How long a statement that must not wait does wait for a lock: others hold most of them for less. */
const IMPATIENT_MS = "20ms";

/** Whether all or none of the requests takes more than one statement. */
export function needsTransaction(requests: readonly EnqueueRequest[], allOrNone: boolean): boolean {
  if (!allOrNone) return false;
  return (
    requests.some(needsLook) ||
    inChunks(requests).length > 1 ||
    inPortions(requests, sizeOf).length > 1
  );
}

/** Stores requests in order: many in one statement, with their keys, and tells of them with it. */
export async function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly InsertRequest[],
  options: InsertOptions,
): Promise<readonly (Enqueued | TasksError)[]> {
  const context = new InsertContext(executor, scope, options);
  return insertInOrder(
    requests,
    {
      find: (careful) => context.find(careful),
      write: (planned) => context.write(planned),
    },
    options.allOrNone,
  );
}

class InsertContext {
  readonly #executor: Executor;
  readonly #scope: Scope;
  readonly #options: InsertOptions;
  /** Of the caller's transaction; `null` outside of one. */
  #mark: string | null = null;

  constructor(executor: Executor, scope: Scope, options: InsertOptions) {
    this.#executor = executor;
    this.#scope = scope;
    this.#options = options;
  }

  async find(requests: readonly EnqueueRequest[]): Promise<Found> {
    const { backend, tables } = this.#scope;
    const { findIds, findKeys } = postgresInsertStatements(tables);
    await this.#markTransaction();
    const ids = requests.map(({ id }) => id).filter((id) => id !== null);
    const byId = new Map<string, TaskRecord>();
    if (ids.length > 0) {
      const rows = await this.#executor.query(findIds, [backend, textArray(ids), seqArray(ids)]);
      for (const row of rows) byId.set(toText(row["id"]), toRecord(row));
    }
    const names = requests.map(({ unique }) => unique?.key).filter((key) => key !== undefined);
    const byKey = new Map<string, KeyRow>();
    if (names.length > 0) {
      const rows = await this.#executor.query(findKeys, [backend, textArray([...new Set(names)])]);
      for (const row of rows) byKey.set(toText(row["taken_key"]), toKeyRow(row));
    }
    return { byId, byKey };
  }

  async write(planned: readonly Planned[]): Promise<ReadonlyMap<number, TaskRecord>> {
    await this.#markTransaction();
    const stored = new Map<number, TaskRecord>();
    for (const portion of inStatements(planned)) {
      const records = portion.some(({ request }) => needsLook(request))
        ? await this.#writeCareful(portion)
        : await this.#writePlain(portion.map(({ request }) => request));
      portion.forEach(({ position }, index) => {
        const record = records[index];
        if (record !== undefined) stored.set(position, record);
      });
    }
    return stored;
  }

  /** So that what follows is stored in the transaction that is open now, or nowhere. */
  async #markTransaction(): Promise<void> {
    const { transaction } = this.#options;
    if (transaction === null || this.#mark !== null) return;
    this.#mark = transaction.mark;
    if (this.#mark !== null) return;
    const { mark } = postgresInsertStatements(this.#scope.tables);
    const [row] = await this.#executor.query(mark, []);
    this.#mark = toText(row?.["mark"]);
    transaction.keepMark(this.#mark);
  }

  async #writePlain(requests: readonly EnqueueRequest[]): Promise<readonly TaskRecord[]> {
    const { insert, insertAlike, insertMany } = postgresInsertStatements(this.#scope.tables);
    const [first, ...others] = requests as [EnqueueRequest, ...EnqueueRequest[]];
    const tails = requests.map(() => newTail());
    const told = this.#told();
    if (others.length === 0) {
      const row = await this.#stored(insert, [
        ...insertParams(this.#scope, first, tails[0]!),
        ...told,
        this.#mark,
      ]);
      const id = idOfRow(toNumber(row["seq"]), tails[0]!);
      return [transitions.enqueue(first, toDate(row["enqueued_at"]), id)];
    }
    const row = await (others.every((request) => isAlike(request, first))
      ? this.#stored(insertAlike, [
          ...alikeParams(insertParams(this.#scope, first, tails[0]!), requests, tails),
          ...told,
          requests.length,
          this.#mark,
        ])
      : this.#stored(insertMany, [
          this.#scope.backend,
          JSON.stringify(
            requests.map((request, index) => toRow(request, index + 1, tails[index]!)),
          ),
          requests.length,
          ...told,
          this.#mark,
        ]));
    const enqueuedAt = toDate(row["enqueued_at"]);
    const seqs = toText(row["seqs"]).split(",");
    return requests.map((request, index) =>
      transitions.enqueue(request, enqueuedAt, idOfRow(Number(seqs[index]), tails[index]!)),
    );
  }

  async #writeCareful(planned: readonly Planned[]): Promise<readonly (TaskRecord | undefined)[]> {
    const { insertCareful } = postgresInsertStatements(this.#scope.tables);
    const tails = planned.map(({ request }) => (request.id === null ? newTail() : null));
    const rows = planned.map(({ request, replaces }, index) => ({
      ...toRow(request, index + 1, tails[index]!),
      unique_key: request.unique?.key ?? null,
      unique_scope: request.unique?.scope ?? null,
      window_ms: request.unique?.scope === "window" ? request.unique.windowMs : null,
      replaces,
    }));
    const row = await this.#stored(insertCareful, [
      this.#scope.backend,
      JSON.stringify(rows),
      rows.length,
      ...this.#told(),
      this.#mark,
      this.#options.isImpatient ? IMPATIENT_MS : null,
    ]);
    const enqueuedAt = toDate(row["enqueued_at"]);
    const stored = new Set(toText(row["stored"] ?? "").split(","));
    const seqs = toText(row["seqs"]).split(",");
    return planned.map(({ request }, index) => {
      const seq = seqs[index]!;
      if (!stored.has(seq)) return undefined;
      const tail = tails[index]!;
      const id = tail === null ? request.id! : idOfRow(Number(seq), tail);
      return transitions.enqueue(request, enqueuedAt, id);
    });
  }

  /** What a statement answers with that stores in any case, but outside of the caller's transaction. */
  async #stored(sql: string, params: readonly SqlValue[]): Promise<Row> {
    const [row] = await this.#executor.query(sql, params);
    if (row !== undefined) return row;
    throw notOpen();
  }

  #told(): readonly SqlValue[] {
    const sender = this.#options.sender();
    return sender === null
      ? [null, null]
      : [channelOf(this.#scope), messageOf(this.#scope, "work", sender)];
  }
}

/** What one statement stores. */
function* inStatements(planned: readonly Planned[]): Iterable<readonly Planned[]> {
  for (const chunk of inChunks(planned)) {
    // Copies read once what a large batch encodes only when it is asked for.
    const copies =
      chunk.length === planned.length
        ? chunk
        : chunk.map((one) => ({ ...one, request: { ...one.request } }));
    yield* inPortions(copies, ({ request }) => sizeOf(request));
  }
}

function toKeyRow(row: Row): KeyRow {
  const isHeld = row["seq"] !== null && row["seq"] !== undefined;
  return { named: toNumber(row["holder"]), holder: isHeld ? toRecord(row) : undefined };
}

/** The parameters of the first request, with lists of what differs from one to the next. */
function alikeParams(
  [backend, , ...settings]: readonly SqlValue[],
  requests: readonly EnqueueRequest[],
  tails: readonly string[],
): readonly SqlValue[] {
  const args = textArray(requests.map(({ argsJson }) => argsJson));
  return [backend!, textArray(tails), ...settings.with(ARGS, args)];
}

/** Where the arguments are among the parameters after the id. */
const ARGS = 6;

function insertParams(
  { backend }: Scope,
  request: EnqueueRequest,
  tail: string,
): readonly SqlValue[] {
  const row = toRow(request, 1, tail);
  const { id, queue_name, task_name, priority, max_lost, metadata, args, run_after, delay } = row;
  const settings = [queue_name, task_name, priority, max_lost, metadata, args, run_after, delay];
  return [backend, id, row.is_given ? 1 : 0, ...settings];
}

/** @param tail of an id that the row makes; `null` where one is given. */
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
