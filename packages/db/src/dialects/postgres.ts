// Without "node:": webpack knows the class by this name, and builds what it starts.
// oxlint-disable-next-line unicorn/prefer-node-protocol
import { Worker, type WorkerOptions } from "worker_threads";

import { InvalidTaskBackend, type TaskRecord } from "@tasks/core";
import { givenBackBy, type LeaseThread, type WorkerSession } from "@tasks/core/worker";
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
import { behindRows, driverMessage } from "../connections/errors.ts";
import { listenersLock } from "../connections/pg-listen.ts";
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
import { inPortions } from "./portions.ts";
import { claimTasks, findUnknownTasks, readyInMs } from "./postgres-claim.ts";
import { idParams, seqArray, whereId } from "./postgres-ids.ts";
import { insertTasks, needsTransaction } from "./postgres-insert.ts";
import { postgresMigrations } from "./postgres-migrations.ts";
import { channelOf, messageOf, NOW, postgresNames, textArray } from "./postgres-names.ts";
import { postgresStatements } from "./postgres-statements.ts";
import { PHASE_OF_STATUS, savedValues } from "./values.ts";

/** Key of the lock that migrations of this package take, whatever their tables are called. */
const MIGRATION_LOCK = 7_311_904_410;

/** Reads the catalog itself: lookups by name may answer from before a wait for the lock. */
const COLUMNS_OF = `select attname::text as name from pg_class left join pg_attribute
  on attrelid = pg_class.oid and attnum > 0 and not attisdropped and relkind in ('r', 'p')
where relname = $1::text and relnamespace = (select oid from pg_namespace where nspname = $2::text)`;
/** The first schema of the search path that has the table, else the one where it would be created. A temporary table is not looked at. */
const LOCATE = `with path as (
  select name, position from unnest(current_schemas(false)) with ordinality as path(name, position) where left(name::text, 8) <> 'pg_temp_')
select (select name::text from path join pg_namespace on nspname = name join pg_class on relnamespace = pg_namespace.oid and relname = $1::text
    order by position limit 1) as found,
  (select name::text from path order by position limit 1) as current`;

/** Which table of which server a connection works on. */
const IDENTITY = `select current_database() || ' ' || coalesce(to_regclass($1)::oid::text, '') || ' ' || pg_postmaster_start_time() as identity`;

const ENCODINGS =
  "select current_setting('server_encoding') as server, current_setting('client_encoding') as client";
/** Encodings that keep every text. The second one keeps bytes as they are. */
const ENCODED = ["UTF8", "SQL_ASCII"];

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
  readonly needsTransaction: Dialect["needsTransaction"] = needsTransaction;
  readonly keysMayWait = true;
  readonly claim: Dialect["claim"] = claimTasks;
  readonly readyInMs: Dialect["readyInMs"] = readyInMs;
  readonly unknownTasks: Dialect["unknownTasks"] = findUnknownTasks;

  whereId(scope: Scope, id: string): RawBuilder<SqlBool> {
    return whereId(scope, id);
  }

  migrations(tables: TableNames): readonly Migration[] {
    return postgresMigrations(tables);
  }

  async lockMigrations(executor: Executor): Promise<void> {
    await executor.query("select pg_advisory_xact_lock($1::bigint)", [MIGRATION_LOCK]);
  }

  async locate(executor: Executor, tables: TableNames): Promise<Location> {
    if (tables.schema !== null) return { tables, isFound: true };
    const [row] = await executor.query(LOCATE, [tables.migrations]);
    const found = toText(row?.["found"]);
    const schema = found === "" ? toText(row?.["current"]) : found;
    if (schema !== "") return { tables: inSchema(tables, schema), isFound: found !== "" };
    throw new InvalidTaskBackend(
      "The search_path of the PostgreSQL connection names no schema that exists, so there is no place for the tables. Create the schema, or name one by the option schema.",
    );
  }

  async columnsOf(
    executor: Executor,
    name: string,
    { schema }: TableNames,
  ): Promise<readonly string[] | undefined> {
    const rows = await executor.query(COLUMNS_OF, [name, schema]);
    return rows.length === 0 ? undefined : rows.map((row) => toText(row["name"]));
  }

  takenName(error: unknown): string | undefined {
    return /^(?:relation|type) "(.+)" already exists$/.exec(driverMessage(error))?.[1];
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
    const stored = new Set<unknown>();
    for (const portion of inPortions(successes, ({ returnValueJson }) => returnValueJson.length)) {
      const values = valuesByAttempt(portion);
      const ids = portion.map(({ id }) => id);
      const rows = await (bySeq
        ? executor.query(succeed, [`{${portion.map(({ seq }) => seq).join(",")}}`, values])
        : executor.query(succeedById, [textArray(ids), values, seqArray(ids), scope.backend]));
      for (const row of rows) stored.add(row["attempt"]);
    }
    return successes.map((success) => stored.has(attemptKey(success)));
  }

  async lockRows(
    executor: Executor,
    scope: Scope,
    ids: readonly string[],
  ): Promise<readonly Row[]> {
    if (ids.length === 0) return [];
    const params = [textArray(ids), seqArray(ids), scope.backend];
    return executor.query(postgresStatements(scope.tables).lockRows, params);
  }

  async saveRows(executor: Executor, scope: Scope, records: readonly TaskRecord[]): Promise<void> {
    const rows = records.map((record) => ({
      id: record.id,
      values: JSON.stringify([PHASE_OF_STATUS[record.status], ...savedValues(record)]),
    }));
    for (const portion of inPortions(rows, ({ values }) => values.length)) {
      const ids = portion.map(({ id }) => id);
      const valuesById = portion.map(({ id, values }) => `${JSON.stringify(id)}:${values}`);
      await executor.run(postgresStatements(scope.tables).saveRows, [
        textArray(ids),
        `{${valuesById.join(",")}}`,
        seqArray(ids),
        scope.backend,
      ]);
    }
  }

  async freeStartedKeys(
    executor: Executor,
    scope: Scope,
    attempts: readonly OwnedAttempt[],
  ): Promise<void> {
    const ids = attempts.map(({ id }) => id);
    await executor.run(postgresStatements(scope.tables).freeStartedKeys, [
      textArray(ids),
      textArray(attempts.map(attemptKey)),
      seqArray(ids),
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
        portion.map((update) => {
          const { progress, metadata, logs } = update;
          return [attemptKey(update), [progress, metadata, logs]];
        }),
      );
      const ids = portion.map(({ id }) => id);
      await executor.run(postgresStatements(scope.tables).updateRunning, [
        textArray(ids),
        JSON.stringify(parts),
        seqArray(ids),
        scope.backend,
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
      scope.backend,
    ]);
  }

  async renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void> {
    await executor.run(postgresStatements(scope.tables).renewLease, leaseParams(scope, session));
  }

  async endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void> {
    await executor.run(postgresStatements(scope.tables).endSession, [sessionId]);
  }

  leaseThread(source: unknown, scope: Scope, session: WorkerSession): LeaseThread {
    const { renewLease, giveBack } = postgresStatements(scope.tables);
    const { sessionId, leaseMs } = session;
    const data: LeaseData<ClientConfig> = {
      config: source as ClientConfig,
      renewLease: { sql: renewLease, params: leaseParams(scope, session) },
      giveBack: { sql: giveBack, params: [scope.backend, sessionId, givenBackBy(sessionId)] },
      leaseMs,
    };
    const start = (options: WorkerOptions): Worker =>
      new Worker(new URL("./postgres-lease.js", import.meta.url), options);
    return { start, data };
  }

  async readSessions(
    executor: Executor,
    { tables, backend }: Scope,
  ): Promise<readonly StoredSession[]> {
    const rows = await executor.query(postgresStatements(tables).readSessions, [backend]);
    return rows.map(toSession);
  }

  async lockLost(
    executor: Executor,
    { tables, backend }: Scope,
    sessionIds: readonly string[],
    limit: number,
  ): Promise<readonly Row[]> {
    const params = [backend, textArray(sessionIds), limit];
    return executor.query(postgresStatements(tables).lockLost, params);
  }

  async deleteSessions(
    executor: Executor,
    { tables }: Scope,
    sessions: readonly StoredSession[],
  ): Promise<void> {
    await executor.runMany(
      postgresStatements(tables).deleteSession,
      sessions.map(({ sessionId, beat }) => [sessionId, beat ?? 0]),
    );
  }

  pauseSql(tables: TableNames): string {
    const { paused } = postgresNames(tables);
    return `insert into ${paused} (backend, queue_name, paused_at) values ($1, $2, $3) on conflict do nothing`;
  }

  async deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number> {
    const { deleteFinished, deleteFinishedOf } = postgresStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    const [row] = await (range.queueNames === null
      ? executor.query(deleteFinished, [...params, limit])
      : executor.query(deleteFinishedOf, [...params, limit, textArray(range.queueNames)]));
    return toNumber(row?.["count"]);
  }

  async deleteRow(executor: Executor, scope: Scope, id: string): Promise<boolean> {
    const { deleteRow } = postgresStatements(scope.tables);
    const [row] = await executor.query(deleteRow, [...idParams(id), scope.backend]);
    return toNumber(row?.["count"]) > 0;
  }

  async countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number> {
    const { countFinished, countFinishedOf } = postgresStatements(scope.tables);
    const params = [scope.backend, range.phase, range.finishedBefore];
    const [row] = await (range.queueNames === null
      ? executor.query(countFinished, params)
      : executor.query(countFinishedOf, [...params, textArray(range.queueNames)]));
    return toNumber(row?.["count"]);
  }

  async checkTables(executor: Executor, tables: TableNames): Promise<string | undefined> {
    const { results, sequence } = postgresNames(tables);
    // Unknown to those who have no right to the sequence.
    const [row] = await executor.query(
      `select (select max(seq) from ${results}) as highest, case when has_sequence_privilege($1::text, 'usage, select')
  then coalesce(pg_sequence_last_value($1::text::regclass), 0) end as last`,
      [sequence],
    );
    const { highest, last = null } = row ?? {};
    return last !== null && toNumber(last) < toNumber(highest)
      ? behindRows(tables.schema ?? "", tables.results)
      : undefined;
  }

  async examine(executor: Executor): Promise<string | undefined> {
    const [row] = await executor.query(ENCODINGS, []);
    const [server, client] = [toText(row?.["server"]), toText(row?.["client"])];
    if (server !== "" && !ENCODED.includes(server)) {
      return `is to a database with the encoding ${server}, which does not have every character. Create one with: create database … encoding 'UTF8' template template0`;
    }
    if (client !== "" && !ENCODED.includes(client)) {
      return `has the client_encoding ${client}, and \`pg\` sends UTF8. Leave client_encoding as it is`;
    }
    return examineValues(executor, ["$1::text", "$2::text"]);
  }

  async compareConnections(
    own: Executor,
    other: Executor,
    { tables }: Scope,
  ): Promise<string | undefined> {
    const [mine] = await own.query(IDENTITY, [postgresNames(tables).results]);
    const [theirs] = await other.query(IDENTITY, [postgresNames(tables).results]);
    return mine?.["identity"] === theirs?.["identity"]
      ? undefined
      : "is on another database than the backend's tables";
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

/** Return values as one JSON object, put together as text: an object of that many keys is slow to build. */
function valuesByAttempt(successes: readonly Success[]): string {
  const entries = successes.map(
    (success) =>
      `${JSON.stringify(attemptKey(success))}:${JSON.stringify(success.returnValueJson)}`,
  );
  return `{${entries.join(",")}}`;
}

/** An attempt as one text; `ATTEMPT` in SQL. */
function attemptKey({ id, fence, sessionId }: OwnedAttempt): string {
  return `${id} ${fence} ${sessionId}`;
}

function leaseParams({ backend }: Scope, session: WorkerSession): readonly SqlValue[] {
  const { sessionId, workerId, queueNames, concurrency, leaseMs } = session;
  return [sessionId, backend, workerId, JSON.stringify(queueNames), concurrency, leaseMs];
}
