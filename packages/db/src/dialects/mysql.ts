// Without "node:": webpack knows the class by this name, and builds what it starts.
// oxlint-disable-next-line unicorn/prefer-node-protocol
import { Worker, type WorkerOptions } from "worker_threads";

import { BackendUnavailable, InvalidTaskBackend, type TaskRecord } from "@tasks/core";
import { givenBackBy, type LeaseThread, type WorkerSession } from "@tasks/core/worker";
import { DummyDriver, Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from "kysely";
import type { ConnectionOptions } from "mysql2";

import type { Executor, Row, SqlValue } from "../connection.ts";
import { driverMessage } from "../connections/errors.ts";
import type {
  Dialect,
  FinishedRange,
  Location,
  OwnedAttempt,
  Scope,
  StoredSession,
  Success,
} from "../dialect.ts";
import type { Migration } from "../migrations.ts";
import { toNumber, toSession, toText } from "../rows.ts";
import { inSchema, type TableNames, type TasksDatabase } from "../tables.ts";
import { examineValues } from "./examine.ts";
import type { LeaseData } from "./lease-data.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./mysql-claim.ts";
import { insertTasks, needsTransaction, readNow } from "./mysql-insert.ts";
import { mysqlMigrations } from "./mysql-migrations.ts";
import { mysqlNames, padded } from "./mysql-names.ts";
import { inMysqlPortions } from "./mysql-portions.ts";
import { mysqlStatements } from "./mysql-statements.ts";
import { PHASE_OF_STATUS, savedValues } from "./values.ts";

/** The lock that migrations of this package take in a database, whatever their tables are called. Names of locks belong to the whole server. */
const MIGRATION_LOCK = "concat('tasks_migrate_', md5(?))";
const COLUMNS_OF = `select c.column_name as name from information_schema.tables t left join information_schema.columns c
  on c.table_schema = t.table_schema and c.table_name = t.table_name and t.table_type like '%BASE TABLE'
where t.table_schema = ? and t.table_name = ?`;
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
  readonly needsTransaction: Dialect["needsTransaction"] = needsTransaction;
  readonly keysMayWait = true;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;
  readonly now: Dialect["now"] = readNow;

  migrations(tables: TableNames): readonly Migration[] {
    return mysqlMigrations(tables);
  }

  async lockMigrations(executor: Executor, { schema }: TableNames): Promise<void> {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      const [row] = await executor.query(
        `select get_lock(${MIGRATION_LOCK}, ${LOCK_SECONDS}) as is_locked`,
        [schema],
      );
      if (toNumber(row?.["is_locked"]) === 1) return;
    }
    throw new BackendUnavailable(
      `Another process has been migrating for ${LOCK_SECONDS * LOCK_TRIES} seconds. Wait for it to end, or end it.`,
    );
  }

  async unlockMigrations(executor: Executor, { schema }: TableNames): Promise<void> {
    await executor.query(`select release_lock(${MIGRATION_LOCK})`, [schema]);
  }

  async locate(executor: Executor, tables: TableNames): Promise<Location> {
    const [row] = await executor.query("select database() as name", []);
    const name = toText(row?.["name"]);
    if (name !== "") return { tables: inSchema(tables, name), isFound: true };
    throw new InvalidTaskBackend(
      "The MySQL connection has no database selected, so there is no place for the tables. Name one in the url or in the options of the pool.",
    );
  }

  async columnsOf(
    executor: Executor,
    name: string,
    { schema }: TableNames,
  ): Promise<readonly string[] | undefined> {
    const rows = await executor.query(COLUMNS_OF, [schema, name]);
    return rows.length === 0 ? undefined : rows.map((row) => toText(row["name"]));
  }

  takenName(error: unknown): string | undefined {
    return /^Table '(.+)' already exists$/.exec(driverMessage(error))?.[1];
  }

  async succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]> {
    const { succeed, succeeded } = mysqlStatements(scope.tables);
    const stored = new Set<string>();
    const rows = successes.map((success) => [...refOf(success), success.returnValueJson]);
    for (const portion of inMysqlPortions(rows)) {
      const changed = await executor.run(succeed, [JSON.stringify(portion)]);
      const attempts = portion.map((row) => row.slice(0, 3));
      const recorded =
        changed === portion.length
          ? attempts
          : await executor
              .query(succeeded, [JSON.stringify(attempts)])
              .then((found) => found.map((row) => [row["id"], row["fence"], row["session_id"]]));
      for (const ref of recorded) stored.add(ref.join(" "));
    }
    return successes.map((success) => stored.has(refOf(success).join(" ")));
  }

  async lockRows(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    if (ids.length === 0) return [];
    // Rows are locked in the order of the list.
    const list = JSON.stringify(ids.toSorted().map((id) => [id]));
    return executor.query(mysqlStatements(scope.tables).lockRows, [list, scope.backend]);
  }

  async saveRows(executor: Executor, scope: Scope, records: readonly TaskRecord[]): Promise<void> {
    const rows = records.map((record) => [
      record.id,
      PHASE_OF_STATUS[record.status],
      ...savedValues(record),
    ]);
    for (const portion of inMysqlPortions(rows)) {
      const params = [JSON.stringify(portion), scope.backend];
      await executor.run(mysqlStatements(scope.tables).saveRows, params);
    }
  }

  async freeStartedKeys(
    executor: Executor,
    scope: Scope,
    attempts: readonly OwnedAttempt[],
  ): Promise<void> {
    const refs = JSON.stringify(attempts.map(refOf));
    await executor.run(mysqlStatements(scope.tables).freeStartedKeys, [refs]);
  }

  async updateRunning(
    executor: Executor,
    scope: Scope,
    updates: Parameters<Dialect["updateRunning"]>[2],
  ): Promise<void> {
    const rows = updates.map((update) => {
      const { progress, metadata, logs } = update;
      return [...refOf(update), progress, metadata, logs];
    });
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
    return executor.query(mysqlStatements(scope.tables).readStates, [rows, scope.backend]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    await executor.run(mysqlStatements(scope.tables).renewLease, leaseParams(scope, session));
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(mysqlStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(source: unknown, scope: Scope, session: WorkerSession): LeaseThread {
    const { renewLease, giveBack } = mysqlStatements(scope.tables);
    const { sessionId, leaseMs } = session;
    const data: LeaseData<ConnectionOptions> = {
      config: source as ConnectionOptions,
      renewLease: { sql: renewLease, params: leaseParams(scope, session) },
      giveBack: { sql: giveBack, params: [givenBackBy(sessionId), scope.backend, sessionId] },
      leaseMs,
    };
    const start = (options: WorkerOptions): Worker =>
      new Worker(new URL("./mysql-lease.js", import.meta.url), options);
    return { start, data };
  }

  async readSessions(
    executor: Executor,
    { tables, backend }: Scope,
  ): Promise<readonly StoredSession[]> {
    const params = [backend, backend, backend];
    const rows = await executor.query(mysqlStatements(tables).readSessions, params);
    return rows.map(toSession);
  }

  async lockLost(
    executor: Executor,
    { tables, backend }: Scope,
    sessionIds: readonly string[],
    limit: number,
  ): Promise<readonly Row[]> {
    const { findLost, lockLost } = mysqlStatements(tables);
    const sessions = JSON.stringify(sessionIds.map((sessionId) => [sessionId]));
    // A plain read first: a locking read along the index would block inserts.
    const found = await executor.query(findLost, [sessions, backend, limit]);
    if (found.length === 0) return [];
    const seqs = padded(found.map((row) => toNumber(row["seq"])));
    const rows = await executor.query(lockLost(seqs.length), seqs);
    // Another worker may have recovered a row since, and a third one may run it by now.
    const isOfDead = new Set(sessionIds);
    return rows.filter((row) => isOfDead.has(toText(row["session_id"])));
  }

  async deleteSessions(
    executor: Executor,
    { tables }: Scope,
    sessions: readonly StoredSession[],
  ): Promise<void> {
    await executor.runMany(
      mysqlStatements(tables).deleteSession,
      sessions.map(({ sessionId, beat }) => [sessionId, beat ?? 0]),
    );
  }

  pauseSql(tables: TableNames): string {
    const { paused } = mysqlNames(tables);
    return `insert ignore into ${paused} (backend, queue_name, paused_at) values (?, ?, ?)`;
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
    const params = [seqs, scope.backend, range.phase, range.finishedBefore];
    const deleted = await executor.run(deleteFinished, params);
    const holders = rows.map((row) => row["holder"]).filter((holder) => holder !== null);
    await freeKeys(executor, scope, holders);
    return deleted;
  }

  async deleteRow(executor: Executor, scope: Scope, id: string): Promise<boolean> {
    const { deleteRow } = mysqlStatements(scope.tables);
    if ((await executor.run(deleteRow, [id, scope.backend])) === 0) return false;
    await freeKeys(executor, scope, [id]);
    return true;
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

  async examine(executor: Executor): Promise<string | undefined> {
    const [row] = await executor.query("select '' is null as is_null", []);
    return toNumber(row?.["is_null"]) === 0
      ? examineValues(executor, ["?", "?"])
      : "takes an empty text for null: its sql_mode has EMPTY_STRING_IS_NULL or ORACLE";
  }

  async compareConnections(
    own: Executor,
    other: Executor,
    { tables }: Scope,
  ): Promise<string | undefined> {
    const isSame =
      (await this.columnsOf(other, tables.migrations, tables)) !== undefined &&
      (await readIdentity(own, tables)) === (await readIdentity(other, tables));
    return isSame ? undefined : "is on another database than the backend's tables";
  }

  async readWorkToken(executor: Executor, { tables, backend }: Scope): Promise<unknown> {
    const [row] = await executor.query(mysqlStatements(tables).workToken, [backend, backend]);
    return row?.["token"];
  }
}

/** The columns that name an attempt. */
function refOf({ id, fence, sessionId }: OwnedAttempt): readonly (string | number)[] {
  return [id, fence, sessionId];
}

/** Forgets the keys that deleted rows have taken. */
async function freeKeys(
  executor: Executor,
  scope: Scope,
  holders: readonly unknown[],
): Promise<void> {
  if (holders.length === 0) return;
  const rows = JSON.stringify(holders.map((holder) => [holder]));
  await executor.run(mysqlStatements(scope.tables).deleteKeys, [rows, scope.backend]);
}

/** The same on every node of a cluster, which the name of the server would not be. */
async function readIdentity(executor: Executor, tables: TableNames): Promise<string> {
  const { migrations } = mysqlNames(tables);
  const [row] = await executor.query(
    `select coalesce(max(applied_at), '') as identity from ${migrations}`,
    [],
  );
  return String(row?.["identity"]);
}

function leaseParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency, leaseMs } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency, leaseMs];
}
