// Without "node:": webpack knows the class by this name, and builds what it starts.
// oxlint-disable-next-line unicorn/prefer-node-protocol
import { Worker, type WorkerOptions } from "worker_threads";

import type { TaskRecord } from "@tasks/core";
import { givenBackBy, type LeaseThread, type WorkerSession } from "@tasks/core/worker";
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
import { driverMessage } from "../connections/errors.ts";
import type {
  Dialect,
  FinishedRange,
  OwnedAttempt,
  Scope,
  StoredSession,
  Success,
} from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toSession, toText } from "../rows.ts";
import { query, run, runMany, runSteps, type Awaitable, type Steps } from "../steps.ts";
import type { TableNames, TasksDatabase } from "../tables.ts";
import { examineValues } from "./examine.ts";
import type { LeaseData } from "./lease-data.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./sqlite-claim.ts";
import { idList, idParams, whereId } from "./sqlite-ids.ts";
import { insertTasks, needsTransaction } from "./sqlite-insert.ts";
import { sqliteMigrations } from "./sqlite-migrations.ts";
import { readColumn, sqliteStatements } from "./sqlite-statements.ts";
import { dueOf, phaseOf, savedValues } from "./values.ts";

/** Which file a connection is on, and by which build of SQLite. */
const IDENTITY = `select
  (select file from pragma_database_list where name = 'main') as file,
  sqlite_source_id() || (select group_concat(compile_options) from pragma_compile_options) as library`;

/** Names are the same whatever the case of their letters. */
const COLUMNS_OF = `select info.name as name from sqlite_master as master left join pragma_table_info(master.name) as info on master.type = 'table'
where master.name = ? collate nocase`;

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
  readonly readColumn: NonNullable<Dialect["readColumn"]> = readColumn;
  /** Whoever writes has the database to itself. */
  readonly keysMayWait = false;
  readonly insert: Dialect["insert"] = insertTasks;
  readonly needsTransaction: Dialect["needsTransaction"] = needsTransaction;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;

  whereId(scope: Scope, id: string): RawBuilder<SqlBool> {
    return whereId(scope, id);
  }

  migrations(tables: TableNames): readonly Migration[] {
    return sqliteMigrations(tables);
  }

  columnsOf(executor: Executor, name: string): ReturnType<Dialect["columnsOf"]> {
    return runSteps(columnsOf(executor, name));
  }

  takenName(error: unknown): string | undefined {
    const message = driverMessage(error);
    const [, name, other] =
      /(?:table|view|index) "?([^" ]+)"? already exists|already (?:a|another) table (?:or index )?(?:named|with this name): (.+)/.exec(
        message,
      ) ?? [];
    return name ?? other;
  }

  /** The store is a file of this machine, and so is its clock. */
  now(): number {
    return Date.now();
  }

  succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Awaitable<readonly boolean[]> {
    return runSteps(succeed(executor, scope, successes));
  }

  lockRows(executor: Executor, scope: Scope, ids: readonly string[]): Awaitable<readonly Row[]> {
    // The transaction is the only writer already.
    const params = [idList(ids), scope.backend, scope.backend];
    return runSteps(query(executor, sqliteStatements(scope.tables).readRows, params));
  }

  saveRows(executor: Executor, scope: Scope, records: readonly TaskRecord[]): Awaitable<void> {
    const now = Date.now();
    const paramLists = records.map((record) => [
      phaseOf(record, dueOf(record), now),
      ...savedValues(record),
      record.finishedAt?.getTime() ?? null,
      ...idParams(scope, record.id),
    ]);
    return runSteps(runEach(executor, sqliteStatements(scope.tables).saveRow, paramLists));
  }

  async freeStartedKeys(
    executor: Executor,
    scope: Scope,
    attempts: readonly OwnedAttempt[],
  ): Promise<void> {
    await executor.runMany(
      sqliteStatements(scope.tables).freeStartedKey,
      attempts.map(({ id, fence, sessionId }) => [...idParams(scope, id), fence, sessionId]),
    );
  }

  updateRunning(
    executor: Executor,
    scope: Scope,
    updates: Parameters<Dialect["updateRunning"]>[2],
  ): Awaitable<void> {
    const paramLists = updates.map(({ id, fence, sessionId, progress, metadata, logs }) => [
      progress,
      metadata,
      logs,
      ...idParams(scope, id),
      fence,
      sessionId,
    ]);
    return runSteps(runEach(executor, sqliteStatements(scope.tables).updateRunning, paramLists));
  }

  async readStates(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    return executor.query(sqliteStatements(scope.tables).readStates, [
      idList(ids),
      scope.backend,
      scope.backend,
    ]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    const { renewLease } = sqliteStatements(scope.tables);
    const now = Date.now();
    await executor.run(renewLease, [...sessionParams(scope, session), now, now, now]);
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(sqliteStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(file: string, scope: Scope, session: WorkerSession): LeaseThread {
    const { renewLease, giveBack } = sqliteStatements(scope.tables);
    const { sessionId, leaseMs } = session;
    const data: LeaseData<string> = {
      config: file,
      renewLease: { sql: renewLease, params: sessionParams(scope, session) },
      giveBack: { sql: giveBack, params: [givenBackBy(sessionId), scope.backend, sessionId] },
      leaseMs,
    };
    const start = (options: WorkerOptions): Worker =>
      new Worker(new URL("./sqlite-lease.js", import.meta.url), options);
    return { start, data };
  }

  readSessions(executor: Executor, scope: Scope): Awaitable<readonly StoredSession[]> {
    return runSteps(readSessions(executor, scope));
  }

  lockLost(
    executor: Executor,
    { tables, backend }: Scope,
    sessionIds: readonly string[],
    limit: number,
  ): Awaitable<readonly Row[]> {
    const params = [backend, JSON.stringify(sessionIds), limit];
    return runSteps(query(executor, sqliteStatements(tables).readLost, params));
  }

  async deleteSessions(
    executor: Executor,
    { tables }: Scope,
    sessions: readonly StoredSession[],
  ): Promise<void> {
    await executor.runMany(
      sqliteStatements(tables).deleteSession,
      sessions.map(({ sessionId, beat }) => [sessionId, beat ?? 0]),
    );
  }

  pauseSql({ paused }: TableNames): string {
    return `insert or ignore into ${paused} (backend, queue_name, paused_at) values (?, ?, ?)`;
  }

  async deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number> {
    const { deleteFinished, deleteFinishedOf } = sqliteStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore, Date.now()];
    const rows = await (range.queueNames === null
      ? executor.query(deleteFinished, [...params, limit])
      : executor.query(deleteFinishedOf, [...params, JSON.stringify(range.queueNames), limit]));
    await runSteps(freeKeys(executor, scope, rows));
    return rows.length;
  }

  deleteRow(executor: Executor, scope: Scope, id: string): Awaitable<boolean> {
    const { deleteRow } = sqliteStatements(scope.tables);
    return runSteps(
      (function* (): Steps<boolean> {
        const rows = yield* query(executor, deleteRow, idParams(scope, id));
        yield* freeKeys(executor, scope, rows);
        return rows.length > 0;
      })(),
    );
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const { countFinished, countFinishedOf } = sqliteStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore, Date.now()];
    const [row] = await (range.queueNames === null
      ? executor.query(countFinished, params)
      : executor.query(countFinishedOf, [...params, JSON.stringify(range.queueNames)]));
    return toNumber(row?.["count"]);
  }

  examine(executor: Executor): Promise<string | undefined> {
    return examineValues(executor, ["?", "?"]);
  }

  async compareConnections(own: Executor, other: Executor): Promise<string | undefined> {
    const mine = await readSqliteIdentity(own);
    const theirs = await readSqliteIdentity(other);
    if (mine.file === "" || mine.file !== theirs.file) {
      return "is on another database than the backend's tables";
    }
    if (mine.library === theirs.library) return undefined;
    // File locks belong to a process, not to a copy of SQLite in it.
    return (
      "belongs to another SQLite library than the backend's connection. Two of them in one process do not see each other's locks, " +
      "and overwrite each other's commits. Give the backend your connection: new DatabaseBackend({ kysely }) or ({ database })"
    );
  }
}

function* columnsOf(executor: Executor, name: string): Steps<readonly string[] | undefined> {
  const rows = yield* query(executor, COLUMNS_OF, [name]);
  return rows.length === 0 ? undefined : rows.map((row) => toText(row["name"]));
}

function* succeed(
  executor: Executor,
  scope: Scope,
  successes: readonly Success[],
): Steps<readonly boolean[]> {
  const now = Date.now();
  const changes = yield* runMany(
    executor,
    sqliteStatements(scope.tables).succeed,
    successes.map(({ id, fence, sessionId, returnValueJson }) => [
      now,
      returnValueJson,
      ...idParams(scope, id),
      fence,
      sessionId,
    ]),
  );
  return changes.map((count) => count > 0);
}

function* readSessions(
  executor: Executor,
  { tables, backend }: Scope,
): Steps<readonly StoredSession[]> {
  const params = [backend, backend, backend, backend, backend];
  const rows = yield* query(executor, sqliteStatements(tables).readSessions, params);
  return rows.map(toSession);
}

/** Runs one statement for each list of parameters, whatever it changes. */
function* runEach(...statement: Parameters<typeof runMany>): Steps<void> {
  yield* runMany(...statement);
}

/** Forgets the keys that deleted rows have taken. */
function* freeKeys(executor: Executor, scope: Scope, rows: readonly Row[]): Steps<void> {
  const holders = rows.filter((row) => row["unique_scope"] !== null).map(({ seq }) => seq);
  if (holders.length === 0) return;
  yield* run(executor, sqliteStatements(scope.tables).deleteKeys, [JSON.stringify(holders)]);
}

/** The file of a connection, empty when there is none, and the build of SQLite that opened it. */
export async function readSqliteIdentity(
  executor: Executor,
): Promise<{ readonly file: string; readonly library: string }> {
  const [row] = await executor.query(IDENTITY, []);
  return { file: toText(row?.["file"]), library: toText(row?.["library"]) };
}

function sessionParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency, leaseMs } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency, leaseMs];
}
