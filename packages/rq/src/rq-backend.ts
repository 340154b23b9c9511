import {
  announceFinished,
  Backend,
  InvalidTaskBackend,
  isFinished,
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
import { QueueWorker, runOne, transitions } from "@tasks/core/worker";
import type { Queue } from "bullmq";

import { toCommitHook } from "./after-commit.ts";
import { openBullQueue } from "./bull-queue.ts";
import { checkRedis } from "./check-redis.ts";
import { openRedis, type RedisSource } from "./connection/open-redis.ts";
import { RedisStore } from "./connection/redis-store.ts";
import { Enqueuer } from "./enqueuer.ts";
import { Monitor } from "./monitor.ts";
import { Notifications } from "./notifications.ts";
import { prune } from "./prune.ts";
import { Records } from "./records.ts";
import { ResultWaiter } from "./result-waiter.ts";
import { Retention } from "./retention.ts";
import { RedisWorkerStore } from "./worker-store.ts";

/** Options of `RQBackend`: one of `url` and `connection`, and how to use it. */
export interface RQBackendOptions extends BackendOptions, RedisSource {
  /** What keys begin with, in braces: letters, digits, `_`, `.`, `-`, up to 64. Backends under other aliases than "default" add theirs. @default "tasks" */
  readonly prefix?: string | undefined;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. A dead worker's tasks run elsewhere after it. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** What renews leases: a thread with a connection of its own, or the event loop. @default "thread" with `url`, "timer" with `connection` */
  readonly heartbeat?: "thread" | "timer" | undefined;
  /** Workers delete finished results after this, in milliseconds. @default they are kept until `prune()` */
  readonly keepFinishedMs?: number | undefined;
  /** The same for FAILED results. @default keepFinishedMs */
  readonly keepFailedMs?: number | undefined;
  /** How long an answer of the server is waited for, in milliseconds, 100…600,000. @default 10000 */
  readonly commandTimeoutMs?: number | undefined;
  /** Largest JSON text of one payload, in bytes, 1…100,000,000. @default 1048576 */
  readonly maxPayloadBytes?: number | undefined;
}

/** How long closing waits for enqueues that are under way, in milliseconds. */
const LAST_ENQUEUES_MS = 1000;

/**
 * Keeps task results in Redis as BullMQ jobs, and runs them with workers in as many processes as you like.
 *
 * @example
 * new RQBackend({ url: "redis://127.0.0.1:6379" })
 */
export class RQBackend extends Backend {
  readonly supports: BackendSupports;
  readonly #store: RedisStore;
  readonly #records: Records;
  readonly #enqueuer: Enqueuer;
  readonly #monitor: Monitor;
  readonly #notifications: Notifications;
  readonly #waiter: ResultWaiter;
  readonly #retention: Retention;
  readonly #heartbeat: "thread" | "timer";
  readonly #isTimedUnasked: boolean;
  readonly #leaseMs: number;
  #closing: Promise<void> | undefined;

  /** Connects to nothing yet. @throws InvalidTaskBackend */
  constructor(options: RQBackendOptions) {
    super(options);
    const { prefix = "tasks", leaseMs = 15_000, maxPayloadBytes = 1_048_576 } = options;
    this.#leaseMs = wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
    this.supports = Object.freeze({
      ...SUPPORTS,
      maxPayloadBytes: wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 100_000_000),
      recoveryMs: leaseMs + 2000,
    });
    const commandTimeoutMs = options.commandTimeoutMs ?? 10_000;
    wholeNumber("commandTimeoutMs", commandTimeoutMs, 100, 600_000);
    assertPrefix(prefix);
    const redis = openRedis(options);
    const canThread = redis.address !== null;
    this.#heartbeat = heartbeat(options.heartbeat, canThread);
    this.#isTimedUnasked = options.heartbeat === undefined && !canThread;
    const root = (): string =>
      this.alias === "default" ? `{${prefix}}` : `{${prefix}:${this.alias}}`;
    this.#store = new RedisStore(redis, root, commandTimeoutMs);
    this.#records = new Records(this.#store);
    this.#enqueuer = new Enqueuer(this.#store);
    this.#monitor = new Monitor(this.#store, this.#records);
    this.#notifications = new Notifications(this.#store);
    this.#waiter = new ResultWaiter(this.#store, this.#notifications);
    this.#retention = new Retention(
      this.#store,
      age("keepFinishedMs", options.keepFinishedMs),
      age("keepFailedMs", options.keepFailedMs),
    );
  }

  override async enqueue(request: EnqueueRequest, options?: EnqueueOptions): Promise<Enqueued> {
    const transaction = options?.transaction ?? undefined;
    if (transaction === undefined) return this.#enqueuer.enqueue(request);
    const [enqueued] = this.#enqueueAfterCommit(transaction, [request]);
    return enqueued!;
  }

  override async enqueueMany(
    requests: readonly EnqueueRequest[],
    options?: EnqueueOptions,
  ): Promise<readonly Enqueued[]> {
    if (requests.length === 0) return [];
    const transaction = options?.transaction ?? undefined;
    return transaction === undefined
      ? this.#enqueuer.enqueueMany(requests)
      : this.#enqueueAfterCommit(transaction, requests);
  }

  override readRecord(id: string): Promise<TaskRecord | undefined> {
    return this.#monitor.readRecord(id);
  }

  override async cancel(id: string): Promise<boolean> {
    const record = await this.#monitor.cancel(id);
    if (record === undefined) return false;
    if (isFinished(record.status)) await announceFinished(this, record);
    return true;
  }

  override waitForChange(id: string, maxMs: number, signal?: AbortSignal): Promise<void> {
    return this.#waiter.wait(id, maxMs, signal);
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    return new QueueWorker(this, this.#workerStore(), { ...options, leaseMs: this.#leaseMs });
  }

  override runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.#workerStore(), id, this.#leaseMs);
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

  override async retry(id: string): Promise<boolean> {
    return (await this.#monitor.retry(id)) !== undefined;
  }

  override delete(id: string): Promise<boolean> {
    return this.#monitor.delete(id);
  }

  override prune(options?: PruneOptions): Promise<number> {
    return prune(this.#store, options);
  }

  /**
   * A plain BullMQ queue on one of this backend's queues, for bull-board and other tools, over a connection of its own. Close it after use. Read with it;
   * jobs that it adds are not tasks, and no worker of ours runs them.
   */
  bullQueue(queueName: string): Promise<Queue> {
    return openBullQueue(this.#store, queueName);
  }

  override check(): Promise<readonly CheckMessage[]> {
    return checkRedis(this.#store, this.#isTimedUnasked);
  }

  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    // A server that is out of reach must not hold up the end of the process.
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_ENQUEUES_MS);
    });
    await Promise.race([this.#enqueuer.idle(), late]);
    clearTimeout(timer);
    this.#notifications.close();
    this.#store.close();
  }

  #enqueueAfterCommit(
    transaction: unknown,
    requests: readonly EnqueueRequest[],
  ): readonly Enqueued[] {
    const hook = toCommitHook(transaction);
    const now = this.now();
    hook.afterCommit(async () => {
      const waitedMs = Date.now() - now.getTime();
      const due = requests.map((request) => sooner(request, waitedMs));
      await (due.length === 1 ? this.#enqueuer.enqueue(due[0]!) : this.#enqueuer.enqueueMany(due));
    });
    return requests.map((request) => ({
      record: transitions.enqueue(request, now),
      deduplicated: false,
    }));
  }

  #workerStore(): RedisWorkerStore {
    return new RedisWorkerStore({
      store: this.#store,
      records: this.#records,
      notifications: this.#notifications,
      retention: this.#retention,
      heartbeat: this.#heartbeat,
    });
  }
}

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
  pause: false,
  wait: true,
  worker: true,
  transaction: "after-commit",
  timeResolutionMs: 1,
} as const;

/** A delay counts from the call, not from the commit. */
function sooner(request: EnqueueRequest, waitedMs: number): EnqueueRequest {
  const { delayMs } = request;
  return delayMs === null ? request : { ...request, delayMs: Math.max(0, delayMs - waitedMs) };
}

function heartbeat(wanted: unknown, canThread: boolean): "thread" | "timer" {
  if (wanted === undefined) return canThread ? "thread" : "timer";
  if (wanted !== "thread" && wanted !== "timer") {
    throw new InvalidTaskBackend(
      `heartbeat must be "thread" or "timer", not ${JSON.stringify(wanted)}.`,
    );
  }
  if (wanted === "thread" && !canThread) {
    throw new InvalidTaskBackend('heartbeat "thread" needs a server given by url.');
  }
  return wanted;
}

function assertPrefix(prefix: unknown): void {
  if (typeof prefix === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(prefix)) return;
  throw new InvalidTaskBackend(
    `prefix must be 1 to 64 letters, digits, "_", "." or "-", not ${JSON.stringify(prefix)?.slice(0, 80)}.`,
  );
}

function age(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : wholeNumber(name, value, 0, Number.MAX_SAFE_INTEGER);
}

function wholeNumber(name: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new InvalidTaskBackend(
    `${name} must be a whole number from ${low} to ${high}, not ${String(value)}.`,
  );
}
