import type { TaskRecord } from "@tasks/core";
import type { LeaseThread, WorkerSession } from "@tasks/core/worker";
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type RawBuilder,
  type SqlBool,
} from "kysely";

import type { Executor, Row, SqlValue } from "../connection.ts";
import type { Dialect, FinishedRange, Scope, Success } from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toText } from "../rows.ts";
import type { TableNames, TasksDatabase } from "../tables.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./sqlite-claim.ts";
import { idList, idParams, whereId } from "./sqlite-ids.ts";
import { insertTasks } from "./sqlite-insert.ts";
import type { SqliteLeaseData } from "./sqlite-lease.ts";
import { sqliteMigrations } from "./sqlite-migrations.ts";
import { sqliteStatements } from "./sqlite-statements.ts";
import { jsonOrNull, phaseOf } from "./values.ts";

/** Which file a connection is on, and by which build of SQLite. */
const IDENTITY = `select
  (select file from pragma_database_list where name = 'main') as file,
  sqlite_source_id() || (select group_concat(compile_options) from pragma_compile_options) as library`;

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
  readonly insert: Dialect["insert"] = insertTasks;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;

  whereId({ results }: TableNames, id: string): RawBuilder<SqlBool> {
    return whereId(results, id);
  }

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

  async succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]> {
    const now = Date.now();
    const changes = await executor.runMany(
      sqliteStatements(scope.tables).succeed,
      successes.map(({ id, fence, returnValueJson }) => [
        now,
        returnValueJson,
        ...idParams(id),
        fence,
      ]),
    );
    return changes.map((count) => count > 0);
  }

  async lockRow(executor: Executor, scope: Scope, id: string): Promise<Row | undefined> {
    // The transaction is the only writer already.
    const { readRow } = sqliteStatements(scope.tables);
    const [row] = await executor.query(readRow, [...idParams(id), scope.backend]);
    return row;
  }

  async saveRow(executor: Executor, scope: Scope, record: TaskRecord): Promise<void> {
    const due = (record.runAfter ?? record.enqueuedAt).getTime();
    const exceptionClass =
      record.status === "FAILED" ? (record.errors.at(-1)?.exceptionClass ?? null) : null;
    await executor.run(sqliteStatements(scope.tables).saveRow, [
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
      ...idParams(record.id),
      scope.backend,
    ]);
  }

  async updateRunning(
    executor: Executor,
    scope: Scope,
    updates: Parameters<Dialect["updateRunning"]>[2],
  ): Promise<void> {
    await executor.runMany(
      sqliteStatements(scope.tables).updateRunning,
      updates.map(({ id, fence, progress, metadata, logs }) => [
        progress,
        metadata,
        logs,
        ...idParams(id),
        fence,
      ]),
    );
  }

  async readStates(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    return executor.query(sqliteStatements(scope.tables).readStates, [idList(ids)]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    const now = Date.now();
    await executor.run(sqliteStatements(scope.tables).renewLease, [
      ...sessionParams(scope, session),
      now,
      now,
      now + session.leaseMs,
    ]);
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(sqliteStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(file: string, scope: Scope, session: WorkerSession): LeaseThread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const { leaseMs } = session;
    const sql = sqliteStatements(scope.tables).renewLease;
    const data: SqliteLeaseData = { file, sql, session: sessionParams(scope, session), leaseMs };
    return { module: new URL(`./sqlite-lease.${extension}`, import.meta.url), data };
  }

  async findLost(executor: Executor, scope: Scope, limit: number): Promise<readonly string[]> {
    const { backend } = scope;
    const rows = await executor.query(sqliteStatements(scope.tables).findLost, [
      backend,
      backend,
      backend,
      Date.now(),
      backend,
      limit,
    ]);
    return rows.map((row) => toText(row["id"]));
  }

  pauseSql({ paused }: TableNames): string {
    return `insert or ignore into ${paused} (backend, queue_name, paused_at) values (?, ?, ?)`;
  }

  async forgetSessions(executor: Executor, scope: Scope, graceMs: number): Promise<void> {
    const params = [scope.backend, Date.now() - graceMs];
    const { hasOldSessions, deleteOldSessions } = sqliteStatements(scope.tables);
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
    const { deleteFinished, deleteFinishedOf } = sqliteStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    return range.queueNames === null
      ? executor.run(deleteFinished, [...params, limit])
      : executor.run(deleteFinishedOf, [...params, JSON.stringify(range.queueNames), limit]);
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const { countFinished, countFinishedOf } = sqliteStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    const [row] = await (range.queueNames === null
      ? executor.query(countFinished, params)
      : executor.query(countFinishedOf, [...params, JSON.stringify(range.queueNames)]));
    return toNumber(row?.["count"]);
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
}

function sessionParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency];
}
