import type { Enqueued, EnqueueRequest, TaskRecord, TasksError } from "@tasks/core";
import { DuplicateTask } from "@tasks/core";
import {
  transitions,
  type ClaimRequest,
  type LeaseThread,
  type WorkerSession,
} from "@tasks/core/worker";
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

import type { Connection, Executor, Row, SqlValue } from "../connection.ts";
import type { Dialect, FinishedRange, Scope, Success } from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toRecord, toText } from "../rows.ts";
import { PHASE, type TableNames, type TasksDatabase } from "../tables.ts";
import type { SqliteLeaseData } from "./sqlite-lease.ts";
import { sqliteMigrations } from "./sqlite-migrations.ts";
import {
  claimStatement,
  ROWS_PER_INSERT,
  sqliteStatements,
  type SqliteStatements,
} from "./sqlite-statements.ts";

/** Scheduled rows that become ready in one statement. */
const PROMOTE_ROWS = 2000;
/** Which file a connection is on, and by which build of SQLite. */
const IDENTITY = `select
  (select file from pragma_database_list where name = 'main') as file,
  sqlite_source_id() || (select group_concat(compile_options) from pragma_compile_options) as library`;
/** Queues one claim looks into; more than the tasks it may take would be of no use. */
const MOST_QUEUES = 200;

/** SQLite: one writer at a time, so that a single statement, or one transaction, is all the locking there is. */
export class SqliteDialect implements Dialect {
  readonly name = "sqlite";
  readonly builder: Kysely<TasksDatabase> = new Kysely<TasksDatabase>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  readonly changeTokenSql =
    "select data_version || ' ' || total_changes() as token from pragma_data_version";
  readonly #statements = new Map<string, SqliteStatements>();

  migrations(tables: TableNames): readonly Migration[] {
    return sqliteMigrations(tables);
  }

  async hasTable(executor: Executor, name: string): Promise<boolean> {
    const rows = await executor.query(
      "select 1 from sqlite_master where type = 'table' and name = ?",
      [name],
    );
    return rows.length > 0;
  }

  /** The store is a file of this machine, and so is its clock. */
  async now(): Promise<number> {
    return Date.now();
  }

  async insert(
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
      await this.#insertPlain(executor, scope, plain);
      plain = [];
    };
    for (const [index, request] of requests.entries()) {
      const record = records[index]!;
      if (request.unique === null) {
        plain.push(insertParams(scope, request, record, now.getTime()));
      } else {
        await flush();
        answers[index] = await this.#insertUnique(executor, scope, request, record);
      }
    }
    await flush();
    return answers;
  }

  async claim(
    connection: Connection,
    scope: Scope,
    request: ClaimRequest,
    whenFound: () => Promise<void>,
  ): Promise<readonly Row[]> {
    const { limit, id } = request;
    const names = jsonText(request.taskNames);
    if (id !== undefined) {
      await whenFound();
      return this.#claim(connection, this.#of(scope).claimOne, request.session, [
        id,
        scope.backend,
        names,
      ]);
    }
    await this.#promote(connection, scope);
    // Looking first leaves the write lock to those who need it.
    const queues = await this.#queuesToClaim(connection, scope, request);
    if (queues.length === 0) return [];
    await whenFound();
    const params: SqlValue[] = [];
    for (const queue of queues) params.push(scope.backend, queue, names, limit);
    if (queues.length > 1) params.push(limit);
    const statement = claimStatement(scope.tables, queues.length);
    return this.#claim(connection, statement, request.session, params);
  }

  async readyInMs(executor: Executor, scope: Scope, request: ClaimRequest): Promise<number | null> {
    const heads = await this.#heads(executor, scope, request);
    if (heads.length > 0) return 0;
    const [row] = await executor.query(this.#of(scope).nextScheduled, [scope.backend]);
    return row === undefined ? null : Math.max(0, toNumber(row["due"]) - Date.now());
  }

  async unknownTasks(
    executor: Executor,
    scope: Scope,
    request: ClaimRequest,
  ): Promise<readonly string[]> {
    const queues = await this.#queues(executor, scope, request);
    const rows = await executor.query(this.#of(scope).unknownTasks, [
      scope.backend,
      jsonText(queues),
      jsonText(request.taskNames),
    ]);
    return rows.map((row) => toText(row["task_name"]));
  }

  async succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]> {
    const now = Date.now();
    const changes = await executor.runMany(
      this.#of(scope).succeed,
      successes.map(({ id, fence, returnValueJson }) => [now, returnValueJson, id, fence]),
    );
    return changes.map((count) => count > 0);
  }

  async lockRow(executor: Executor, scope: Scope, id: string): Promise<Row | undefined> {
    // The transaction is the only writer already.
    const [row] = await executor.query(this.#of(scope).readRow, [id, scope.backend]);
    return row;
  }

  async saveRow(executor: Executor, scope: Scope, record: TaskRecord): Promise<void> {
    const due = (record.runAfter ?? record.enqueuedAt).getTime();
    const exceptionClass =
      record.status === "FAILED" ? (record.errors.at(-1)?.exceptionClass ?? null) : null;
    await executor.run(this.#of(scope).saveRow, [
      phaseOf(record, due, Date.now()),
      due,
      record.runAfter?.getTime() ?? null,
      record.startedAt?.getTime() ?? null,
      record.lastAttemptedAt?.getTime() ?? null,
      record.finishedAt?.getTime() ?? null,
      record.failures,
      record.lost,
      record.cancelRequested ? 1 : 0,
      exceptionClass,
      record.finishedAt === null ? 0 : 1,
      JSON.stringify(record.workerIds),
      JSON.stringify(record.errors),
      JSON.stringify(record.metadata),
      jsonOrNull(record.progress),
      JSON.stringify(record.logs),
      record.status === "SUCCESSFUL" ? JSON.stringify(record.returnValue) : null,
      record.id,
      scope.backend,
    ]);
  }

  async updateRunning(
    executor: Executor,
    scope: Scope,
    updates: Parameters<Dialect["updateRunning"]>[2],
  ): Promise<void> {
    await executor.runMany(
      this.#of(scope).updateRunning,
      updates.map(({ id, fence, progress, metadata, logs }) => [
        progress,
        metadata,
        logs,
        id,
        fence,
      ]),
    );
  }

  async readStates(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    return executor.query(this.#of(scope).readStates, [JSON.stringify(ids)]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    const now = Date.now();
    await executor.run(this.#of(scope).renewLease, [
      ...sessionParams(scope, session),
      now,
      now,
      now + session.leaseMs,
    ]);
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(this.#of(scope).endSession, [sessionId]);
  }

  leaseThread(file: string, scope: Scope, session: WorkerSession): LeaseThread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const { leaseMs } = session;
    const sql = this.#of(scope).renewLease;
    const data: SqliteLeaseData = { file, sql, session: sessionParams(scope, session), leaseMs };
    return { module: new URL(`./sqlite-lease.${extension}`, import.meta.url), data };
  }

  async findLost(executor: Executor, scope: Scope, limit: number): Promise<readonly string[]> {
    const { backend } = scope;
    const rows = await executor.query(this.#of(scope).findLost, [
      backend,
      backend,
      backend,
      Date.now(),
      backend,
      limit,
    ]);
    return rows.map((row) => toText(row["id"]));
  }

  async forgetSessions(executor: Executor, scope: Scope, graceMs: number): Promise<void> {
    const params = [scope.backend, Date.now() - graceMs];
    const { hasOldSessions, deleteOldSessions } = this.#of(scope);
    // Looking first leaves the write lock to those who need it.
    const found = await executor.query(hasOldSessions, params);
    if (found.length > 0) await executor.run(deleteOldSessions, params);
  }

  async deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number> {
    const { deleteFinished, deleteFinishedOf } = this.#of(scope);
    const params = [scope.backend, range.phase, range.finishedBefore];
    return range.queueNames === null
      ? executor.run(deleteFinished, [...params, limit])
      : executor.run(deleteFinishedOf, [...params, JSON.stringify(range.queueNames), limit]);
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const { countFinished, countFinishedOf } = this.#of(scope);
    const params = [scope.backend, range.phase, range.finishedBefore];
    const [row] = await (range.queueNames === null
      ? executor.query(countFinished, params)
      : executor.query(countFinishedOf, [...params, JSON.stringify(range.queueNames)]));
    return toNumber(row?.["count"]);
  }

  async #claim(
    connection: Connection,
    statement: string,
    { sessionId, workerId }: WorkerSession,
    params: readonly SqlValue[],
  ): Promise<readonly Row[]> {
    const now = Date.now();
    const firstWorkers = JSON.stringify([workerId]);
    const rows = await connection.query(statement, [
      now,
      now,
      sessionId,
      firstWorkers,
      workerId,
      ...params,
    ]);
    const claimed = rows.map((row) => claimedRow(row, now, sessionId, firstWorkers));
    // `returning` promises no order.
    return claimed.length > 1 ? claimed.sort(compareRows) : claimed;
  }

  async #insertPlain(
    executor: Executor,
    scope: Scope,
    rows: readonly (readonly SqlValue[])[],
  ): Promise<void> {
    const { insert, insertMany } = this.#of(scope);
    const inTheLong = rows.length - (rows.length % ROWS_PER_INSERT);
    for (let start = 0; start < inTheLong; start += ROWS_PER_INSERT) {
      await executor.run(insertMany, rows.slice(start, start + ROWS_PER_INSERT).flat());
    }
    const rest = inTheLong === 0 ? rows : rows.slice(inTheLong);
    if (rest.length === 1) await executor.run(insert, rest[0]!);
    else if (rest.length > 1) await executor.runMany(insert, rest);
  }

  async compareConnections(own: Executor, other: Executor): Promise<string | undefined> {
    const [mine] = await own.query(IDENTITY, []);
    const [theirs] = await other.query(IDENTITY, []);
    const file = toText(mine?.["file"]);
    if (file === "" || file !== theirs?.["file"]) {
      return "is on another database than the backend's tables";
    }
    if (mine?.["library"] === theirs["library"]) return undefined;
    // File locks belong to a process, not to a copy of SQLite in it.
    return (
      "belongs to another SQLite library than the backend's connection. Two of them in one process do not see each other's locks, " +
      "and overwrite each other's commits. Give the backend your connection: new DatabaseBackend({ kysely }) or ({ database })"
    );
  }

  async #insertUnique(
    executor: Executor,
    scope: Scope,
    request: EnqueueRequest,
    record: TaskRecord,
  ): Promise<Enqueued | TasksError> {
    const { key, scope: span, windowMs, onConflict } = request.unique!;
    const now = record.enqueuedAt.getTime();
    const { releaseWindow, insertUnique, readUnique } = this.#of(scope);
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
    if (row === undefined) return this.#insertUnique(executor, scope, request, record);
    if (onConflict === "reject") return new DuplicateTask(request.taskName, toText(row["id"]));
    return { record: toRecord(row), deduplicated: true };
  }

  /** Makes scheduled rows ready that are due. All of them: a later one may have the higher priority. */
  async #promote(connection: Connection, scope: Scope): Promise<void> {
    const { hasDue, promote } = this.#of(scope);
    for (;;) {
      const params = [scope.backend, Date.now()];
      const due = await connection.query(hasDue, params);
      if (due.length === 0) return;
      await connection.run(promote, [...params, PROMOTE_ROWS]);
      await new Promise(setImmediate);
    }
  }

  /** The queues the best rows are in. */
  async #queuesToClaim(
    executor: Executor,
    scope: Scope,
    request: ClaimRequest,
  ): Promise<readonly string[]> {
    const heads = await this.#heads(executor, scope, request);
    // The best n rows are in the n queues with the best heads.
    return heads
      .toSorted((a, b) => compareRows(a.row, b.row))
      .slice(0, Math.min(request.limit, MOST_QUEUES))
      .map(({ queue }) => queue);
  }

  /** The best row of each queue that has one. */
  async #heads(
    executor: Executor,
    scope: Scope,
    request: ClaimRequest,
  ): Promise<readonly { readonly queue: string; readonly row: Row }[]> {
    const names = jsonText(request.taskNames);
    const heads: { queue: string; row: Row }[] = [];
    for (const queue of await this.#queues(executor, scope, request)) {
      const [row] = await executor.query(this.#of(scope).head, [scope.backend, queue, names]);
      if (row !== undefined) heads.push({ queue, row });
    }
    return heads;
  }

  async #queues(
    executor: Executor,
    scope: Scope,
    { queueNames, excludeQueues }: ClaimRequest,
  ): Promise<readonly string[]> {
    if (!queueNames.includes("*")) return [...new Set(queueNames)];
    const { backend } = scope;
    const rows = await executor.query(this.#of(scope).readyQueues, [backend, backend]);
    return rows.map((row) => toText(row["name"])).filter((name) => !excludeQueues.includes(name));
  }

  #of({ tables }: Scope): SqliteStatements {
    let statements = this.#statements.get(tables.prefix);
    if (statements === undefined) {
      statements = sqliteStatements(tables);
      this.#statements.set(tables.prefix, statements);
    }
    return statements;
  }
}

function sessionParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency];
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
    jsonText(record.metadata),
    request.argsJson,
  ];
}

function phaseOf({ status }: TaskRecord, due: number, now: number): number {
  switch (status) {
    case "READY":
      return due <= now ? PHASE.ready : PHASE.scheduled;
    case "RUNNING":
      return PHASE.running;
    case "SUCCESSFUL":
      return PHASE.successful;
    case "FAILED":
      return PHASE.failed;
  }
}

/** A row as a claim left it. Most have no history, and read as their first attempt. */
function claimedRow(row: Row, now: number, sessionId: string, firstWorkers: string): Row {
  // Named one by one: a spread of a driver's row takes several times as long.
  const claimed = {
    seq: row["seq"],
    id: row["id"],
    fence: row["fence"],
    queue_name: row["queue_name"],
    task_name: row["task_name"],
    priority: row["priority"],
    due: row["due"],
    run_after: row["run_after"],
    enqueued_at: row["enqueued_at"],
    max_lost: row["max_lost"],
    metadata: row["metadata"],
    args: row["args"],
    status: "RUNNING",
    started_at: now,
    last_attempted_at: now,
    finished_at: null,
    session_id: sessionId,
    cancel_requested: 0,
    worker_ids: firstWorkers,
    errors: "[]",
    progress: null,
    logs: "[]",
    failures: 0,
    lost: 0,
    return_value: null,
  };
  if (typeof row["history"] !== "string") return claimed;
  const [worker_ids, errors, progress, logs, started_at, failures, lost] = JSON.parse(
    row["history"],
  ) as unknown[];
  return { ...claimed, worker_ids, errors, progress, logs, started_at, failures, lost };
}

function compareRows(a: Row, b: Row): number {
  return (
    Number(b["priority"]) - Number(a["priority"]) ||
    Number(a["due"]) - Number(b["due"]) ||
    Number(a["seq"]) - Number(b["seq"])
  );
}

const texts = new WeakMap<object, string>();

/** JSON text of something frozen that is sent again and again. */
function jsonText(value: object): string {
  let text = texts.get(value);
  if (text === undefined) {
    text = JSON.stringify(value);
    if (Object.isFrozen(value)) texts.set(value, text);
  }
  return text;
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
