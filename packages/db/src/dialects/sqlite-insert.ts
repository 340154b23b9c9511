import { TasksError, type Enqueued, type EnqueueRequest, type TaskRecord } from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { Executor, SqlValue } from "../connection.ts";
import type { InsertOptions, InsertRequest, Scope } from "../dialect.ts";
import { toNumber, toRecord } from "../rows.ts";
import { query, run, runMany, runSteps, type Awaitable, type Steps } from "../steps.ts";
import { isAlike } from "./alike.ts";
import { CHUNK_ROWS } from "./chunks.ts";
import { duplicateOf, needsLook } from "./insert-plan.ts";
import { idOfRow, newTail } from "./row-ids.ts";
import { idParams } from "./sqlite-ids.ts";
import { insertStatement, sqliteStatements } from "./sqlite-statements.ts";
import { phaseOf } from "./values.ts";

/** How many rows one statement stores; longest first. */
const STATEMENT_ROWS = [100, 10, 1];

type Answer = Enqueued | TasksError;

/** Whether requests take more than one statement. */
export function needsTransaction(requests: readonly EnqueueRequest[]): boolean {
  return requests.length > 1 || requests.some(needsLook);
}

/** Stores requests in order: plain ones many at a time, others each by itself. */
export function insertTasks(
  executor: Executor,
  scope: Scope,
  requests: readonly InsertRequest[],
  options: InsertOptions,
): Awaitable<readonly Answer[]> {
  return runSteps(insertInOrder(executor, scope, requests, options));
}

function* insertInOrder(
  executor: Executor,
  scope: Scope,
  requests: readonly InsertRequest[],
  { allOrNone, transaction }: InsertOptions,
): Steps<readonly Answer[]> {
  // The caller's transaction may have to wait for the write lock. Windows count from when it has
  // it.
  if (transaction !== null && requests.some(({ unique }) => unique?.scope === "window")) {
    yield* run(executor, sqliteStatements(scope.tables).lock, []);
  }
  return yield* new Insertion(executor, scope, allOrNone).store(requests);
}

/** One call. All of it is in one transaction, and there is one writer at a time: what a look finds stays so. */
class Insertion {
  readonly #executor: Executor;
  readonly #scope: Scope;
  readonly #allOrNone: boolean;
  readonly #now = new Date();

  constructor(executor: Executor, scope: Scope, allOrNone: boolean) {
    this.#executor = executor;
    this.#scope = scope;
    this.#allOrNone = allOrNone;
  }

  *store(requests: readonly InsertRequest[]): Steps<readonly Answer[]> {
    const answers: Answer[] = [];
    while (answers.length < requests.length) {
      const first = requests[answers.length]!;
      if (needsLook(first)) {
        const answer = yield* this.#storeCareful(first);
        answers.push(answer);
        if (this.#allOrNone && TasksError.is(answer)) return answers;
      } else {
        yield* this.#storePlain(requests, answers);
      }
    }
    return answers;
  }

  /** Stores the next request, and those after it that differ from it in arguments only. */
  *#storePlain(requests: readonly EnqueueRequest[], answers: Answer[]): Steps<void> {
    const start = answers.length;
    const first = requests[start]!;
    const settings = this.#settingsOf(first);
    const tail = newTail();
    // The first row takes the write lock with the table's next number; no one else counts on from there.
    const seq = yield* this.#insert([...settings, tail, null, first.argsJson]);
    answers.push(this.#stored(first, idOfRow(seq, tail)));
    const others: SqlValue[][] = [];
    const end = Math.min(requests.length, start + CHUNK_ROWS);
    for (let index = start + 1; index < end; index++) {
      const request = requests[index]!;
      if (needsLook(request) || !isAlike(request, first)) break;
      const own = { seq: seq + index - start, tail: newTail() };
      others.push([own.seq, own.tail, request.argsJson]);
      answers.push(this.#stored(request, idOfRow(own.seq, own.tail)));
    }
    yield* this.#insertAlike(settings, others);
  }

  /** Stores rows that have their settings in common. */
  *#insertAlike(
    settings: readonly SqlValue[],
    rows: readonly (readonly SqlValue[])[],
  ): Steps<void> {
    let start = 0;
    for (const length of STATEMENT_ROWS) {
      const paramLists: SqlValue[][] = [];
      for (; start + length <= rows.length; start += length) {
        const params = [...settings];
        for (let index = start; index < start + length; index++) params.push(...rows[index]!);
        paramLists.push(params);
      }
      if (paramLists.length === 0) continue;
      yield* runMany(this.#executor, insertStatement(this.#scope.tables, length), paramLists);
    }
  }

  *#storeCareful(request: InsertRequest): Steps<Answer> {
    const existing = yield* this.#find(request);
    if (existing !== undefined) return duplicateOf(existing, request);
    const { id, unique } = request;
    const tail = id === null ? newTail() : null;
    const row = [...this.#settingsOf(request), tail, id, request.argsJson];
    if (unique === null) {
      const seq = yield* this.#insert(row);
      return this.#stored(request, id ?? idOfRow(seq, tail ?? ""));
    }
    const { insertUnique, takeKey } = sqliteStatements(this.#scope.tables);
    const until = unique.scope === "window" ? this.#now.getTime() + unique.windowMs : null;
    const params = [...row, unique.key, unique.scope, until];
    const [stored] = yield* query(this.#executor, insertUnique, params);
    const seq = toNumber(stored?.["seq"]);
    yield* run(this.#executor, takeKey, [this.#scope.backend, unique.key, seq]);
    return this.#stored(request, id ?? idOfRow(seq, tail ?? ""));
  }

  /** The result that has the request's id, or holds its key. */
  *#find({ id, unique }: InsertRequest): Steps<TaskRecord | undefined> {
    const { readRow, readHolder } = sqliteStatements(this.#scope.tables);
    if (id !== null) {
      const [row] = yield* query(this.#executor, readRow, idParams(this.#scope, id));
      if (row !== undefined) return toRecord(row);
    }
    if (unique === null) return undefined;
    const key = [this.#scope.backend, unique.key];
    const params = [...key, ...key, this.#now.getTime()];
    const [holder] = yield* query(this.#executor, readHolder, params);
    return holder === undefined ? undefined : toRecord(holder);
  }

  *#insert(params: readonly SqlValue[]): Steps<number> {
    const { insert } = sqliteStatements(this.#scope.tables);
    const [stored] = yield* query(this.#executor, insert, params);
    return toNumber(stored?.["seq"]);
  }

  #stored(request: EnqueueRequest, id: string): Enqueued {
    return { record: transitions.enqueue(request, this.#now, id), deduplicated: false };
  }

  /** The parameters of a row's settings. */
  #settingsOf(request: EnqueueRequest): readonly SqlValue[] {
    const record = transitions.enqueue(request, this.#now, "");
    const enqueuedAt = this.#now.getTime();
    const runAfter = record.runAfter === null ? null : record.runAfter.getTime();
    const due = runAfter ?? enqueuedAt;
    return [
      this.#scope.backend,
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
}
