import { BackendUnavailable, type TaskRecord } from "@tasks/core";
import type { LeaseThread, WorkerSession } from "@tasks/core/worker";
import { DummyDriver, Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from "kysely";
import type { ConnectionOptions } from "mysql2";

import type { Executor, Row, SqlValue } from "../connection.ts";
import type { Dialect, FinishedRange, Scope, Success } from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toText } from "../rows.ts";
import { PHASE, type TableNames, type TasksDatabase } from "../tables.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./mysql-claim.ts";
import { insertTasks, readNow } from "./mysql-insert.ts";
import type { MysqlLeaseData } from "./mysql-lease.ts";
import { mysqlMigrations } from "./mysql-migrations.ts";
import { padded } from "./mysql-names.ts";
import { inMysqlPortions } from "./mysql-portions.ts";
import { mysqlStatements } from "./mysql-statements.ts";
import { jsonOrNull } from "./values.ts";

/** The lock that migrations of this package take in a database, whatever their tables are called. Names of locks belong to the whole server. */
const MIGRATION_LOCK = "concat('tasks_migrate_', md5(database()))";
/** How long one question for the lock waits, in seconds, and how often it is asked. */
const LOCK_SECONDS = 10;
const LOCK_TRIES = 6;

/** MySQL and MariaDB: rows are locked one by one, workers pass over what others are claiming, and the server's clock decides. */
export class MysqlDialect implements Dialect {
  readonly name = "mysql";
  readonly builder: Kysely<TasksDatabase> = new Kysely<TasksDatabase>({
    dialect: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new MysqlIntrospector(db),
      createQueryCompiler: () => new MysqlQueryCompiler(),
    },
  });
  /** Looked for, see `readWorkToken`. */
  readonly changeTokenSql = null;
  readonly insert: Dialect["insert"] = insertTasks;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;
  readonly now: Dialect["now"] = readNow;

  migrations(tables: TableNames): readonly Migration[] {
    return mysqlMigrations(tables);
  }

  async lockMigrations(executor: Executor): Promise<void> {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      const [row] = await executor.query(
        `select get_lock(${MIGRATION_LOCK}, ${LOCK_SECONDS}) as is_locked`,
        [],
      );
      if (toNumber(row?.["is_locked"]) === 1) return;
    }
    throw new BackendUnavailable(
      `Another process has been migrating for ${LOCK_SECONDS * LOCK_TRIES} seconds. Wait for it to end, or end it.`,
    );
  }

  async unlockMigrations(executor: Executor): Promise<void> {
    await executor.query(`select release_lock(${MIGRATION_LOCK})`, []);
  }

  async hasTable(executor: Executor, name: string): Promise<boolean> {
    const rows = await executor.query(
      "select 1 from information_schema.tables where table_schema = database() and table_name = ?",
      [name],
    );
    return rows.length > 0;
  }

  async succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]> {
    const { succeed, succeeded } = mysqlStatements(scope.tables);
    const stored = new Set<string>();
    const rows = successes.map(({ id, fence, returnValueJson }) => [id, fence, returnValueJson]);
    for (const portion of inMysqlPortions(rows)) {
      const changed = await executor.run(succeed, [JSON.stringify(portion)]);
      const attempts = portion.map(([id, fence]) => [id, fence]);
      const recorded =
        changed === portion.length
          ? attempts
          : await executor
              .query(succeeded, [JSON.stringify(attempts)])
              .then((found) => found.map((row) => [row["id"], row["fence"]]));
      for (const [id, fence] of recorded) stored.add(`${toText(id)} ${toNumber(fence)}`);
    }
    return successes.map(({ id, fence }) => stored.has(`${id} ${fence}`));
  }

  async lockRow(executor: Executor, scope: Scope, id: string): Promise<Row | undefined> {
    const [row] = await executor.query(mysqlStatements(scope.tables).lockRow, [id, scope.backend]);
    return row;
  }

  async saveRow(executor: Executor, scope: Scope, record: TaskRecord): Promise<void> {
    const phase = PHASE_OF_STATUS[record.status];
    const due = (record.runAfter ?? record.enqueuedAt).getTime();
    const exceptionClass =
      record.status === "FAILED" ? (record.errors.at(-1)?.exceptionClass ?? null) : null;
    await executor.run(mysqlStatements(scope.tables).saveRow, [
      phase,
      due,
      phase,
      due,
      record.runAfter?.getTime() ?? null,
      record.startedAt?.getTime() ?? null,
      record.lastAttemptedAt?.getTime() ?? null,
      record.finishedAt?.getTime() ?? null,
      record.failures,
      record.lost,
      record.cancelRequested ? 1 : 0,
      exceptionClass?.slice(0, 255) ?? null,
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
    const rows = updates.map(({ id, fence, progress, metadata, logs }) => [
      id,
      fence,
      progress,
      metadata,
      logs,
    ]);
    for (const portion of inMysqlPortions(rows)) {
      const { updateRunning } = mysqlStatements(scope.tables);
      await executor.run(updateRunning, [JSON.stringify(portion)]);
    }
  }

  async readStates(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    const rows = JSON.stringify(ids.map((id) => [id]));
    return executor.query(mysqlStatements(scope.tables).readStates, [rows]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    await executor.run(mysqlStatements(scope.tables).renewLease, leaseParams(scope, session));
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(mysqlStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(source: unknown, scope: Scope, session: WorkerSession): LeaseThread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const data: MysqlLeaseData = {
      config: source as ConnectionOptions,
      sql: mysqlStatements(scope.tables).renewLease,
      params: leaseParams(scope, session),
      leaseMs: session.leaseMs,
    };
    return { module: new URL(`./mysql-lease.${extension}`, import.meta.url), data };
  }

  async findLost(executor: Executor, scope: Scope, limit: number): Promise<readonly string[]> {
    const { findLost, lockLost } = mysqlStatements(scope.tables);
    const found = await executor.query(findLost, [scope.backend, scope.backend, limit]);
    if (found.length === 0) return [];
    // Passing over rows that someone else is dealing with, or left locked: the others need not wait for them.
    const seqs = padded(found.map((row) => toNumber(row["seq"])));
    const rows = await executor.query(lockLost(seqs.length), seqs);
    return rows.map((row) => toText(row["id"]));
  }

  pauseSql({ paused }: TableNames): string {
    return `insert ignore into ${paused} (backend, queue_name, paused_at) values (?, ?, ?)`;
  }

  async forgetSessions(executor: Executor, scope: Scope, graceMs: number): Promise<void> {
    const { hasOldSessions, deleteOldSessions } = mysqlStatements(scope.tables);
    const params = [scope.backend, graceMs];
    // Looking first locks nothing that others are renewing.
    const found = await executor.query(hasOldSessions, params);
    if (found.length > 0) await executor.run(deleteOldSessions, params);
  }

  async deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number> {
    const { findFinished, deleteFinished } = mysqlStatements(scope.tables);
    const queues = padded(range.queueNames ?? []);
    if (queues.length === 0 && range.queueNames !== null) return 0;
    const rows = await executor.query(findFinished(queues.length), [
      scope.backend,
      range.phase,
      range.finishedBefore,
      ...queues,
      limit,
    ]);
    if (rows.length === 0) return 0;
    const seqs = JSON.stringify(rows.map((row) => toNumber(row["seq"])));
    return executor.run(deleteFinished, [seqs, range.phase]);
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const queues = padded(range.queueNames ?? []);
    if (queues.length === 0 && range.queueNames !== null) return 0;
    const [row] = await executor.query(mysqlStatements(scope.tables).countFinished(queues.length), [
      scope.backend,
      range.phase,
      range.finishedBefore,
      ...queues,
    ]);
    return toNumber(row?.["count"]);
  }

  async compareConnections(
    own: Executor,
    other: Executor,
    { tables }: Scope,
  ): Promise<string | undefined> {
    const isSame =
      (await this.hasTable(other, tables.migrations)) &&
      (await readIdentity(own, tables)) === (await readIdentity(other, tables));
    return isSame ? undefined : "is on another database than the backend's tables";
  }

  async readWorkToken(executor: Executor, { tables, backend }: Scope): Promise<unknown> {
    const [row] = await executor.query(mysqlStatements(tables).workToken, [backend, backend]);
    return row?.["token"];
  }
}

const PHASE_OF_STATUS: Readonly<Record<TaskRecord["status"], number>> = {
  READY: PHASE.ready,
  RUNNING: PHASE.running,
  SUCCESSFUL: PHASE.successful,
  FAILED: PHASE.failed,
};

/** The same on every node of a cluster, which the name of the server would not be. */
async function readIdentity(executor: Executor, { migrations }: TableNames): Promise<string> {
  const [row] = await executor.query(
    `select concat_ws(' ', database(), (select max(applied_at) from ${migrations})) as identity`,
    [],
  );
  return toText(row?.["identity"]);
}

function leaseParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency, leaseMs } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency, leaseMs, leaseMs];
}
