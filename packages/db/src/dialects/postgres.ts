import type { TaskRecord } from "@tasks/core";
import type { LeaseThread, WorkerSession } from "@tasks/core/worker";
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  type SqlBool,
} from "kysely";
import type { ClientConfig } from "pg";

import type { ChangeKind } from "../changes.ts";
import type { Executor, Row, SqlValue } from "../connection.ts";
import { listenersLock } from "../connections/pg-listen.ts";
import type { Dialect, FinishedRange, Scope, Success } from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toText } from "../rows.ts";
import { PHASE, type TableNames, type TasksDatabase } from "../tables.ts";
import { inPortions } from "./portions.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./postgres-claim.ts";
import { idParams, seqArray, whereId } from "./postgres-ids.ts";
import { insertAtOnce, insertTasks } from "./postgres-insert.ts";
import type { PostgresLeaseData } from "./postgres-lease.ts";
import { postgresMigrations } from "./postgres-migrations.ts";
import { channelOf, messageOf, NOW, quoted, textArray, postgresNames } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";
import { jsonOrNull } from "./values.ts";

/** Key of the lock that migrations of this package take, whatever their tables are called. */
const MIGRATION_LOCK = 7_311_904_410;

/** Reads the catalog itself: lookups by name may answer from before a wait for the lock. */
const HAS_TABLE = `select 1 from pg_class where relname = $1::text and case when $2::text is null then pg_table_is_visible(oid)
  else relnamespace = (select oid from pg_namespace where nspname = $2::text) end`;

/** Which table of which server a connection works on. */
const IDENTITY = `select current_database() || ' ' || coalesce(to_regclass($1)::oid::text, '') || ' ' || pg_postmaster_start_time() as identity`;

/** PostgreSQL: rows are locked one by one, workers pass over what others are claiming, and the server's clock decides. */
export class PostgresDialect implements Dialect {
  readonly name = "postgres";
  readonly builder: Kysely<TasksDatabase> = new Kysely<TasksDatabase>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
  /** Changes are told by notifications. */
  readonly changeTokenSql = null;
  readonly insert: Dialect["insert"] = insertTasks;
  readonly insertAtOnce: NonNullable<Dialect["insertAtOnce"]> = insertAtOnce;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;

  whereId(tables: TableNames, id: string): RawBuilder<SqlBool> {
    return whereId(tables, id);
  }

  migrations(tables: TableNames): readonly Migration[] {
    return postgresMigrations(tables);
  }

  async lockMigrations(executor: Executor): Promise<void> {
    await executor.query("select pg_advisory_xact_lock($1::bigint)", [MIGRATION_LOCK]);
  }

  async hasTable(executor: Executor, name: string): Promise<boolean> {
    const [table, schema = null] = name.split(".").toReversed();
    const rows = await executor.query(HAS_TABLE, [table ?? name, schema]);
    return rows.length > 0;
  }

  async now(executor: Executor): Promise<number> {
    const [row] = await executor.query(`select ${NOW} as now`, []);
    return toNumber(row?.["now"]);
  }

  async succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]> {
    const { succeed, succeedById } = postgresStatements(scope.tables);
    const bySeq = successes.every(({ seq }) => seq !== null);
    const keyOf = ({ seq, id }: Success): string => (bySeq ? String(seq) : id);
    const stored = new Set<string>();
    for (const portion of inPortions(successes, ({ returnValueJson }) => returnValueJson.length)) {
      const keys = portion.map(keyOf);
      const values = valuesByAttempt(portion, keyOf);
      const rows = await (bySeq
        ? executor.query(succeed, [`{${keys.join(",")}}`, values])
        : executor.query(succeedById, [textArray(keys), values, seqArray(keys)]));
      for (const row of rows) stored.add(`${String(row["key"])} ${toNumber(row["fence"])}`);
    }
    return successes.map((success) => stored.has(`${keyOf(success)} ${success.fence}`));
  }

  async lockRow(executor: Executor, scope: Scope, id: string): Promise<Row | undefined> {
    const [row] = await executor.query(postgresStatements(scope.tables).lockRow, [
      ...idParams(id),
      scope.backend,
    ]);
    return row;
  }

  async saveRow(executor: Executor, scope: Scope, record: TaskRecord): Promise<void> {
    const exceptionClass =
      record.status === "FAILED" ? (record.errors.at(-1)?.exceptionClass ?? null) : null;
    await executor.run(postgresStatements(scope.tables).saveRow, [
      PHASE_OF_STATUS[record.status],
      (record.runAfter ?? record.enqueuedAt).getTime(),
      record.runAfter?.getTime() ?? null,
      record.startedAt?.getTime() ?? null,
      record.lastAttemptedAt?.getTime() ?? null,
      record.finishedAt?.getTime() ?? null,
      record.failures,
      record.lost,
      record.cancelRequested ? 1 : 0,
      exceptionClass,
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
    const sizeOf = ({ progress, metadata, logs }: (typeof updates)[number]): number =>
      (progress?.length ?? 0) + (metadata?.length ?? 0) + (logs?.length ?? 0);
    for (const portion of inPortions(updates, sizeOf)) {
      const parts = Object.fromEntries(
        portion.map(({ id, fence, progress, metadata, logs }) => [
          `${id} ${fence}`,
          [progress, metadata, logs],
        ]),
      );
      const ids = portion.map(({ id }) => id);
      await executor.run(postgresStatements(scope.tables).updateRunning, [
        textArray(ids),
        JSON.stringify(parts),
        seqArray(ids),
      ]);
    }
  }

  async readStates(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    return executor.query(postgresStatements(scope.tables).readStates, [
      textArray(ids),
      seqArray(ids),
    ]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    await executor.run(postgresStatements(scope.tables).renewLease, leaseParams(scope, session));
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(postgresStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(source: unknown, scope: Scope, session: WorkerSession): LeaseThread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const data: PostgresLeaseData = {
      config: source as ClientConfig,
      sql: postgresStatements(scope.tables).renewLease,
      params: leaseParams(scope, session),
      leaseMs: session.leaseMs,
    };
    return { module: new URL(`./postgres-lease.${extension}`, import.meta.url), data };
  }

  async findLost(executor: Executor, scope: Scope, limit: number): Promise<readonly string[]> {
    const { findLost } = postgresStatements(scope.tables);
    const rows = await executor.query(findLost, [scope.backend, limit]);
    return rows.map((row) => toText(row["id"]));
  }

  pauseSql(tables: TableNames): string {
    const { paused } = postgresNames(tables);
    return `insert into ${paused} (backend, queue_name, paused_at) values ($1, $2, $3) on conflict do nothing`;
  }

  async forgetSessions(executor: Executor, scope: Scope, graceMs: number): Promise<void> {
    await executor.run(postgresStatements(scope.tables).forgetSessions, [scope.backend, graceMs]);
  }

  async deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number> {
    const { deleteFinished, deleteFinishedOf } = postgresStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    return range.queueNames === null
      ? executor.run(deleteFinished, [...params, limit])
      : executor.run(deleteFinishedOf, [...params, textArray(range.queueNames), limit]);
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const { countFinished, countFinishedOf } = postgresStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    const [row] = await (range.queueNames === null
      ? executor.query(countFinished, params)
      : executor.query(countFinishedOf, [...params, textArray(range.queueNames)]));
    return toNumber(row?.["count"]);
  }

  async compareConnections(
    own: Executor,
    other: Executor,
    { tables }: Scope,
  ): Promise<string | undefined> {
    const [mine] = await own.query(IDENTITY, [quoted(tables.results)]);
    const [theirs] = await other.query(IDENTITY, [quoted(tables.results)]);
    return mine?.["identity"] === theirs?.["identity"]
      ? undefined
      : "is on another database than the backend's tables, or has another search_path";
  }

  channel(scope: Scope): string {
    return channelOf(scope);
  }

  async notify(executor: Executor, scope: Scope, kind: ChangeKind, sender: string): Promise<void> {
    await executor.query("select pg_notify($1::text, $2::text)::text", [
      channelOf(scope),
      messageOf(scope, kind, sender),
    ]);
  }

  async notifyListeners(
    executor: Executor,
    scope: Scope,
    kind: ChangeKind,
    sender: string,
  ): Promise<boolean> {
    const channel = channelOf(scope);
    const [row] = await executor.query(NOTIFY_LISTENERS, [
      channel,
      messageOf(scope, kind, sender),
      listenersLock(channel),
    ]);
    return toNumber(row?.["told"]) !== 0;
  }
}

/** Whoever listens holds the lock that is tried here: a notification nobody hears is spared. */
const NOTIFY_LISTENERS = `select case when pg_try_advisory_xact_lock($3::bigint) then 0
  else 1 + length(pg_notify($1::text, $2::text)::text) end as told`;

const PHASE_OF_STATUS: Readonly<Record<TaskRecord["status"], number>> = {
  READY: PHASE.ready,
  RUNNING: PHASE.running,
  SUCCESSFUL: PHASE.successful,
  FAILED: PHASE.failed,
};

/** Return values as one JSON object, put together as text: an object of that many keys is slow to build. */
function valuesByAttempt(
  successes: readonly Success[],
  keyOf: (success: Success) => string,
): string {
  const entries = successes.map((success) => {
    const attempt = JSON.stringify(`${keyOf(success)} ${success.fence}`);
    return `${attempt}:${JSON.stringify(success.returnValueJson)}`;
  });
  return `{${entries.join(",")}}`;
}

function leaseParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency, leaseMs } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency, leaseMs];
}
