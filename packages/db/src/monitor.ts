import {
  assertKnownOptions,
  InvalidOption,
  TaskResultDoesNotExist,
  type ListOptions,
  type QueueInfo,
  type RecordPage,
  type StatusCounts,
  type TaskRecord,
  type WorkerInfo,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";
import {
  sql,
  type Compilable,
  type Expression,
  type Kysely,
  type RawBuilder,
  type SqlBool,
} from "kysely";

import type { Executor, Row, SqlValue } from "./connection.ts";
import { ofState, phasesOf } from "./list-filters.ts";
import { readTexts, RECORD_COLUMNS, toDate, toNumber, toRecord, toText } from "./rows.ts";
import { runSteps, step, type Steps } from "./steps.ts";
import type { Store } from "./store.ts";
import { inSchemaOf, PHASE, type TasksDatabase } from "./tables.ts";

/** Reads and changes results for people: lists, counts, cancel, retry, delete. */
export class Monitor {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async readRecord(id: string): Promise<TaskRecord | undefined> {
    if (!isPossibleId(id)) return undefined;
    const [row] = await this.#query(() => this.#rows().where(this.#isId(id)));
    return row === undefined ? undefined : toRecord(row);
  }

  async listRecords(options: ListOptions): Promise<RecordPage> {
    const { status, state, queueName, taskName, limit = 50, cursor } = options;
    // No name holds U+0000, and not every database lets one ask for it.
    const isPossible = !`${queueName ?? ""}${taskName ?? ""}`.includes("\0");
    const phases = isPossible ? phasesOf(status, state) : [];
    const now = state === undefined ? 0 : await this.#now();
    const build = (phase: number | null): Expression<unknown> => {
      let query = this.#rows()
        .orderBy("seq", "desc")
        .limit(limit + 1);
      if (phase !== null) query = query.where("phase", "=", sql.lit(phase));
      if (cursor !== undefined) query = query.where("seq", "<", readCursor(cursor));
      if (queueName !== undefined) query = query.where("queue_name", "=", queueName);
      if (taskName !== undefined) query = query.where("task_name", "=", taskName);
      if (state !== undefined) query = query.where((where) => ofState(where, state, now));
      if (state === "ready") query = query.where(sql<SqlBool>`not ${this.#isPaused()}`);
      if (state === "blocked") query = query.where(this.#isPaused());
      return query;
    };
    // One query per phase: each phase has its own index, small even beside a million successes.
    const found = phases.length === 0 ? [] : await this.#query(() => this.#all(phases.map(build)));
    const rows = phases.length > 1 ? found.toSorted(newestFirst) : found;
    const shown = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? String(toNumber(shown.at(-1)?.["seq"])) : null;
    return { records: shown.map(toRecord), nextCursor };
  }

  async counts(options: { readonly queueName?: string | undefined } = {}): Promise<StatusCounts> {
    assertKnownOptions("counts()", options, { queueName: 1 });
    const { queueName } = options;
    if (queueName?.includes("\0") === true) {
      return { READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 };
    }
    const [row] = await this.#query(() => {
      // Each phase has its own index. One statement reads one snapshot.
      const count = (phase: number): RawBuilder<number> => {
        let query = this.#queries()
          .selectFrom(this.#store.tables.results)
          .select(({ fn }) => fn.countAll().as("count"))
          .where("backend", "=", this.#store.scope.backend)
          .where("phase", "=", sql.lit(phase));
        if (phase >= PHASE.successful) query = query.where("finished_at", "is not", null);
        if (queueName !== undefined) query = query.where("queue_name", "=", queueName);
        return sql<number>`${query}`;
      };
      return this.#queries().selectNoFrom([
        count(PHASE.ready).as("ready"),
        count(PHASE.scheduled).as("scheduled"),
        count(PHASE.running).as("running"),
        count(PHASE.successful).as("successful"),
        count(PHASE.failed).as("failed"),
      ]);
    });
    const number = (column: string): number => toNumber(row?.[column]);
    return {
      READY: number("ready") + number("scheduled"),
      RUNNING: number("running"),
      SUCCESSFUL: number("successful"),
      FAILED: number("failed"),
    };
  }

  async queues(declared: readonly string[]): Promise<readonly QueueInfo[]> {
    const now = await this.#now();
    const queues = new Map<string, Mutable<QueueInfo>>();
    const info = (name: string): Mutable<QueueInfo> => {
      let queue = queues.get(name);
      if (queue === undefined) {
        queue = { name, ready: 0, scheduled: 0, running: 0, paused: false, oldestReadyMs: null };
        queues.set(name, queue);
      }
      return queue;
    };
    for (const name of declared) info(name);
    for (const name of await this.#pausedQueues()) info(name).paused = true;
    for (const row of await this.#countByQueue(now)) {
      const queue = info(toText(row["queue_name"]));
      const total = toNumber(row["total"]);
      const due = toNumber(row["due_count"]);
      if (toNumber(row["phase"]) === PHASE.running) {
        queue.running = total;
        continue;
      }
      queue.ready += due;
      queue.scheduled += total - due;
      if (due > 0) {
        const ageMs = Math.max(0, now - toNumber(row["oldest"]));
        queue.oldestReadyMs = Math.max(queue.oldestReadyMs ?? 0, ageMs);
      }
    }
    return [...queues.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async workers(): Promise<readonly WorkerInfo[]> {
    const now = await this.#now();
    const { scope, tables } = this.#store;
    const workers = await this.#query(() =>
      this.#queries()
        .selectFrom(tables.workers)
        .selectAll()
        .where("backend", "=", scope.backend)
        .where("heartbeat", ">", 0)
        .orderBy("started_at")
        .orderBy("session_id"),
    );
    const running = await this.#query(() =>
      this.#queries()
        .selectFrom(tables.results)
        .select(["session_id", ({ fn }) => fn.countAll().as("count")])
        .where("backend", "=", scope.backend)
        .where("phase", "=", sql.lit(PHASE.running))
        .groupBy("session_id"),
    );
    const held = new Map(running.map((row) => [row["session_id"], toNumber(row["count"])]));
    return workers.map((row) => ({
      workerId: toText(row["worker_id"]),
      queueNames: readTexts(row["queue_names"]),
      concurrency: toNumber(row["concurrency"]),
      startedAt: toDate(row["started_at"]),
      lastSeenAt: toDate(row["last_seen_at"]),
      alive: toNumber(row["last_seen_at"]) + toNumber(row["lease_ms"]) > now,
      running: held.get(row["session_id"]) ?? 0,
    }));
  }

  async pause(queueName: string): Promise<void> {
    const connection = await this.#store.connection();
    const { dialect, scope, tables } = this.#store;
    const params = [scope.backend, queueName, await dialect.now(connection)];
    await connection.run(dialect.pauseSql(tables), params);
  }

  async resume(queueName: string): Promise<void> {
    const connection = await this.#store.connection();
    const { scope, tables } = this.#store;
    const { sql: text, parameters } = this.#queries()
      .deleteFrom(tables.paused)
      .where("backend", "=", scope.backend)
      .where("queue_name", "=", queueName)
      .compile();
    await connection.run(text, parameters as readonly SqlValue[]);
  }

  /** `undefined` when it was finished; the changed record otherwise. */
  cancel(id: string): Promise<TaskRecord | undefined> {
    return this.#change(id, (record, now) => {
      const changed = transitions.cancel(record, now);
      return changed === record ? undefined : changed;
    });
  }

  retry(id: string): Promise<TaskRecord | undefined> {
    return this.#change(id, (record, now) =>
      record.status === "FAILED" ? transitions.retry(record, now) : undefined,
    );
  }

  async delete(id: string): Promise<boolean> {
    if (!isPossibleId(id)) throw new TaskResultDoesNotExist(id);
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    if (await dialect.deleteRow(connection, scope, id)) return true;
    if ((await this.readRecord(id)) === undefined) throw new TaskResultDoesNotExist(id);
    return false;
  }

  /** Applies a transition to the row, alone with it. */
  async #change(id: string, transition: Transition): Promise<TaskRecord | undefined> {
    if (!isPossibleId(id)) throw new TaskResultDoesNotExist(id);
    return this.#store.transaction((executor) =>
      runSteps(this.#changeRow(executor, id, transition)),
    );
  }

  *#changeRow(
    executor: Executor,
    id: string,
    transition: Transition,
  ): Steps<TaskRecord | undefined> {
    const { dialect, scope } = this.#store;
    const [row] = yield* step(dialect.lockRows(executor, scope, [id]));
    if (row === undefined) throw new TaskResultDoesNotExist(id);
    const now = new Date(yield* step(dialect.now(executor)));
    const record = transition(toRecord(row), now);
    if (record !== undefined) yield* step(dialect.saveRows(executor, scope, [record]));
    return record;
  }

  /** The queue of a row is paused. */
  #isPaused(): RawBuilder<SqlBool> {
    const { scope, tables } = this.#store;
    const paused = this.#queries()
      .selectFrom(tables.paused)
      .select("queue_name")
      .where("backend", "=", scope.backend);
    return sql<SqlBool>`queue_name in ${paused}`;
  }

  async #pausedQueues(): Promise<readonly string[]> {
    const rows = await this.#query(() =>
      this.#queries()
        .selectFrom(this.#store.tables.paused)
        .select("queue_name")
        .where("backend", "=", this.#store.scope.backend),
    );
    return rows.map((row) => toText(row["queue_name"]));
  }

  #countByQueue(now: number): Promise<readonly Row[]> {
    const ofPhase = (phase: number): Expression<unknown> =>
      this.#queries()
        .selectFrom(this.#store.tables.results)
        .select(({ fn, eb }) => [
          sql.lit(phase).as("phase"),
          "queue_name",
          fn.countAll().as("total"),
          fn
            .sum(eb.case().when("due", "<=", now).then(sql.lit(1)).else(sql.lit(0)).end())
            .as("due_count"),
          sql`min(${sql.raw(this.#store.dialect.readColumn?.("due") ?? "due")})`.as("oldest"),
        ])
        .where("backend", "=", this.#store.scope.backend)
        .where("phase", "=", sql.lit(phase))
        .groupBy("queue_name");
    const phases = [PHASE.ready, PHASE.scheduled, PHASE.running];
    return this.#query(() => this.#all(phases.map(ofPhase)));
  }

  /** Joins the queries into one statement, so that all of them read one snapshot. */
  #all(queries: readonly Expression<unknown>[]): Compilable {
    const parts = queries.map((query) => sql`select * from (${query}) as part`);
    const whole = sql`${sql.join(parts, sql` union all `)}`;
    return { compile: () => whole.compile(this.#queries()) };
  }

  // oxlint-disable-next-line typescript/explicit-function-return-type -- a builder's type says nothing a reader needs
  #rows() {
    const { dialect, scope, tables } = this.#store;
    const readColumn = (column: string): string => dialect.readColumn?.(column) ?? column;
    return this.#queries()
      .selectFrom(tables.results)
      .select(RECORD_COLUMNS.map((column) => sql.raw(readColumn(column)).as(column)))
      .select(this.#isPaused().as("is_paused"))
      .where("backend", "=", scope.backend);
  }

  #queries(): Kysely<TasksDatabase> {
    return inSchemaOf(this.#store.dialect.builder, this.#store.tables);
  }

  #isId(id: string): RawBuilder<SqlBool> {
    const { dialect, scope } = this.#store;
    return dialect.whereId?.(scope, id) ?? sql<SqlBool>`id = ${id}`;
  }

  /** @param build gives the query, once it is known where the tables are. */
  async #query(build: () => Compilable): Promise<readonly Row[]> {
    const connection = await this.#store.connection();
    const compiled = build().compile();
    return connection.query(compiled.sql, compiled.parameters as readonly SqlValue[]);
  }

  async #now(): Promise<number> {
    const connection = await this.#store.connection();
    return this.#store.dialect.now(connection);
  }
}

/** The changed record; `undefined` when nothing is to be changed. */
type Transition = (record: TaskRecord, now: Date) => TaskRecord | undefined;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function isPossibleId(id: unknown): boolean {
  return typeof id === "string" && id.length <= 64 && !id.includes("\0");
}

function newestFirst(a: Row, b: Row): number {
  return toNumber(b["seq"]) - toNumber(a["seq"]);
}

function readCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new InvalidOption("cursor must be the nextCursor of an earlier page.");
}
