import { setTimeout } from "node:timers/promises";

import {
  Backend,
  InvalidOption,
  announceFinished,
  assertKnownOptions,
  isFinished,
  wholeNumber,
  type BackendOptions,
  type BackendSupports,
  type CheckMessage,
  type Enqueued,
  type EnqueueOptions,
  type EnqueueRequest,
  type ListOptions,
  type PruneOptions,
  type QueueInfo,
  type RecordPage,
  type StatusCounts,
  type TaskRecord,
  type TaskResult,
  type Worker,
  type WorkerInfo,
  type WorkerOptions,
} from "@tasks/core";
import { assertQueueOf, QueueWorker, runOne, WorkerGroup } from "@tasks/core/worker";

import { CallerEnqueues } from "./caller-enqueues.ts";
import { checkDatabase } from "./check-database.ts";
import { DEFAULT_BUSY_LIMIT_MS } from "./connections/busy.ts";
import type { InsertRequest } from "./dialect.ts";
import { Enqueuer } from "./enqueuer.ts";
import type { MigrateOptions, PlannedStep } from "./migrations.ts";
import { Monitor } from "./monitor.ts";
import { openDatabase, type ConnectionOptions, type DatabaseSource } from "./open-database.ts";
import { prune } from "./prune.ts";
import { ResultWaiter } from "./result-waiter.ts";
import { Store } from "./store.ts";
import { tableNames } from "./tables.ts";
import { withUrlOptions } from "./url-options.ts";
import { DatabaseWorkerStore } from "./worker-store.ts";

/** How long closing waits for calls of `enqueue` under way, in milliseconds. */
const LAST_ENQUEUE_MS = 3000;

/** Options of `DatabaseBackend`: one of `url`, `kysely` and `database`, and how to use it. */
export interface DatabaseBackendOptions extends BackendOptions, DatabaseSource, ConnectionOptions {
  /** What table names begin with: a letter or underscore, then up to 31 letters, digits or underscores. @default "tasks_" */
  readonly tablePrefix?: string | undefined;
  /** Schema the tables are in: a letter or underscore, then up to 62 letters, digits or underscores. For PostgreSQL. @default the connection's own */
  readonly schema?: string | undefined;
  /** Makes the ids of results: 1–64 characters, never the same twice. @default ids that sort by time */
  readonly idFunction?: (() => string) | undefined;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. A dead worker's tasks run elsewhere after it. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Largest JSON text of one payload, in bytes, 1…1,000,000,000. @default 1048576 */
  readonly maxPayloadBytes?: number | undefined;
}

/**
 * Keeps task results in a database, and runs them with workers in as many processes as you like.
 *
 * @example
 * new DatabaseBackend({ url: "sqlite:./tasks.db" })
 */
export class DatabaseBackend extends Backend {
  readonly supports: BackendSupports;
  readonly #store: Store;
  readonly #enqueuer: Enqueuer;
  readonly #callers: CallerEnqueues;
  readonly #monitor: Monitor;
  readonly #waiter: ResultWaiter;
  readonly #idFunction: (() => string) | undefined;
  readonly #leaseMs: number;
  readonly #workers = new WorkerGroup();

  /** Connects to nothing yet. @throws InvalidOption; NotSupported for databases this version does not speak to. */
  constructor(given: DatabaseBackendOptions) {
    super(given);
    assertKnownOptions("new DatabaseBackend()", given, OPTIONS);
    const options = withUrlOptions(given);
    const {
      tablePrefix,
      schema,
      idFunction,
      leaseMs = 15_000,
      maxPayloadBytes = 1_048_576,
    } = options;
    this.#leaseMs = wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
    this.#idFunction = idFunction;
    this.supports = Object.freeze({
      ...SUPPORTS,
      maxPayloadBytes: wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 1_000_000_000),
      recoveryMs: leaseMs + 2000,
    });
    const database = openDatabase(options, options);
    if (schema !== undefined && database.dialect.name !== "postgres") {
      throw new InvalidOption("schema is for PostgreSQL; other databases have tablePrefix.");
    }
    this.#store = new Store(database, tableNames(tablePrefix, schema), () => this.alias);
    this.#enqueuer = new Enqueuer(this.#store, options.busyLimitMs ?? DEFAULT_BUSY_LIMIT_MS);
    this.#callers = new CallerEnqueues(this.#store);
    this.#monitor = new Monitor(this.#store);
    this.#waiter = new ResultWaiter(this.#store);
  }

  override async enqueue(request: EnqueueRequest, options?: EnqueueOptions): Promise<Enqueued> {
    const transaction = options?.transaction ?? undefined;
    if (transaction === undefined) return this.#enqueuer.enqueue(this.#withId(request));
    const [enqueued] = await this.#callers.enqueue(transaction, [this.#withId(request)]);
    return enqueued!;
  }

  override async enqueueMany(
    requests: readonly EnqueueRequest[],
    options?: EnqueueOptions,
  ): Promise<readonly Enqueued[]> {
    if (requests.length === 0) return [];
    const withIds = requests.map((request) => this.#withId(request));
    const transaction = options?.transaction ?? undefined;
    return transaction === undefined
      ? this.#enqueuer.enqueueMany(withIds)
      : this.#callers.enqueue(transaction, withIds);
  }

  override readRecord(id: string): Promise<TaskRecord | undefined> {
    return this.#monitor.readRecord(id);
  }

  override async cancel(id: string): Promise<boolean> {
    const record = await this.#monitor.cancel(id);
    if (record === undefined) return false;
    if (isFinished(record.status)) {
      this.#waiter.announce([id]);
      this.#store.changes.announce("finished");
      await announceFinished(this, record);
    }
    return true;
  }

  override waitForChange(id: string, maxMs: number, signal?: AbortSignal): Promise<void> {
    return this.#waiter.wait(id, maxMs, signal);
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    const [leaseMs, group] = [this.#leaseMs, this.#workers];
    return new QueueWorker(this, this.#workerStore(), { ...options, leaseMs, group });
  }

  override runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.#workerStore(), id, {
      leaseMs: this.#leaseMs,
      group: this.#workers,
    });
  }

  override listRecords(options: ListOptions): Promise<RecordPage> {
    return this.#monitor.listRecords(options);
  }

  override counts(options?: { readonly queueName?: string | undefined }): Promise<StatusCounts> {
    return this.#monitor.counts(options);
  }

  override queues(): Promise<readonly QueueInfo[]> {
    return this.#monitor.queues(this.queueNames);
  }

  override workers(): Promise<readonly WorkerInfo[]> {
    return this.#monitor.workers();
  }

  override async pause(queueName: string): Promise<void> {
    assertQueueOf(this, queueName);
    await this.#monitor.pause(queueName);
    await this.#workers.paused(true);
  }

  override async resume(queueName: string): Promise<void> {
    assertQueueOf(this, queueName);
    await this.#monitor.resume(queueName);
    this.#store.changes.announce("work");
  }

  override async retry(id: string): Promise<boolean> {
    const record = await this.#monitor.retry(id);
    if (record !== undefined) this.#store.changes.announce("work");
    return record !== undefined;
  }

  override delete(id: string): Promise<boolean> {
    return this.#monitor.delete(id);
  }

  override prune(options?: PruneOptions): Promise<number> {
    return prune(this.#store, options);
  }

  /**
   * Creates or updates the tables; processes may do so at the same time. SQLite databases given by `url` do it themselves on first use.
   *
   * @returns the steps taken, such as `["1 initial"]`; none when all is in place.
   */
  migrate(options?: MigrateOptions): Promise<readonly string[]> {
    return this.#store.migrate(options);
  }

  /**
   * What `migrate()` would do to the database as it is, each step with its SQL; none when all is in place. Changes nothing. `tasks migrate --dry-run` and
   * `--sql` print it.
   */
  planMigration(options?: MigrateOptions): Promise<readonly PlannedStep[]> {
    return this.#store.planMigration(options);
  }

  override check(): Promise<readonly CheckMessage[]> {
    return checkDatabase(this.#store);
  }

  /** Stops its workers, then closes what it opened. */
  override async close(): Promise<void> {
    await this.#workers.close();
    await Promise.race([
      this.#enqueuer.idle(),
      setTimeout(LAST_ENQUEUE_MS, undefined, { ref: false }),
    ]);
    await this.#store.close();
  }

  #workerStore(): DatabaseWorkerStore {
    return new DatabaseWorkerStore(this.#store, (ids) => this.#waiter.announce(ids));
  }

  #withId(request: EnqueueRequest): InsertRequest {
    if (this.#idFunction === undefined || request.id !== null) return request;
    const id: unknown = this.#idFunction();
    if (typeof id === "string" && id.length >= 1 && id.length <= 64) {
      // Not a spread: it would encode at once what a large batch encodes when it is stored.
      const properties = Object.getOwnPropertyDescriptors(request);
      return Object.defineProperties({} as InsertRequest, {
        ...properties,
        id: { ...properties.id, value: id },
        mustBeNew: { ...properties.id, value: true },
      });
    }
    throw new InvalidOption(
      `idFunction must return a string of 1 to 64 characters, not ${JSON.stringify(id)?.slice(0, 80)}.`,
    );
  }
}

const OPTIONS: Readonly<Record<keyof DatabaseBackendOptions, 1>> = {
  url: 1,
  kysely: 1,
  database: 1,
  queues: 1,
  tablePrefix: 1,
  schema: 1,
  idFunction: 1,
  leaseMs: 1,
  maxPayloadBytes: 1,
  synchronous: 1,
  poolSize: 1,
  pooler: 1,
  busyLimitMs: 1,
  answerLimitMs: 1,
  heartbeat: 1,
};

const SUPPORTS = {
  defer: true,
  asyncTask: true,
  getResult: true,
  priority: true,
  batch: true,
  cancel: true,
  retry: true,
  timeout: true,
  unique: true,
  concurrency: false,
  schedule: false,
  progress: true,
  metadata: true,
  logs: true,
  list: true,
  pause: true,
  wait: true,
  worker: true,
  transaction: "atomic",
  timeResolutionMs: 1,
} as const;
