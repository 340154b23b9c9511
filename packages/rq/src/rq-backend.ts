import { clearTimeout, setTimeout } from "node:timers";

import {
  announceFinished,
  Backend,
  createId,
  isFinished,
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
import {
  assertQueueOf,
  monotonicNow,
  QueueWorker,
  runOne,
  transitions,
  WorkerGroup,
} from "@tasks/core/worker";
import type { Queue } from "bullmq";

import { toCommitHook } from "./after-commit.ts";
import { Batches } from "./batches.ts";
import { openBullQueue } from "./bull-queue.ts";
import { checkRedis } from "./check-redis.ts";
import { openRedis } from "./connection/open-redis.ts";
import { RedisStore } from "./connection/redis-store.ts";
import { Enqueuer } from "./enqueuer.ts";
import { Monitor } from "./monitor.ts";
import { Notifications } from "./notifications.ts";
import {
  assertOptions,
  resolveOptions,
  type ResolvedOptions,
  type RQBackendOptions,
} from "./options.ts";
import { prune } from "./prune.ts";
import { Records } from "./records.ts";
import { ResultWaiter } from "./result-waiter.ts";
import { RedisWorkerStore } from "./worker-store.ts";

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
  readonly #batches: Batches;
  readonly #enqueuer: Enqueuer;
  readonly #monitor: Monitor;
  readonly #notifications: Notifications;
  readonly #waiter: ResultWaiter;
  readonly #options: ResolvedOptions;
  readonly #workers = new WorkerGroup();
  #closing: Promise<void> | undefined;

  /** Connects to nothing yet. @throws InvalidOption. */
  constructor(options: RQBackendOptions) {
    super(options);
    assertOptions(options);
    const redis = openRedis(options);
    const resolved = resolveOptions(options, redis.lease !== null);
    this.#options = resolved;
    this.supports = resolved.supports;
    const root = (): string =>
      this.alias === "default" ? `{${resolved.prefix}}` : `{${resolved.prefix}:${this.alias}}`;
    this.#store = new RedisStore(redis, root, resolved);
    this.#records = new Records(this.#store);
    this.#batches = new Batches(this.#store);
    this.#enqueuer = new Enqueuer(this.#store, this.#batches, this.#records);
    this.#monitor = new Monitor(this.#store, this.#records);
    this.#notifications = new Notifications(this.#store);
    this.#waiter = new ResultWaiter(this.#store, this.#notifications);
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
    return new QueueWorker(this, this.#workerStore(), {
      ...options,
      leaseMs: this.#options.leaseMs,
      group: this.#workers,
    });
  }

  override runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.#workerStore(), id, {
      leaseMs: this.#options.leaseMs,
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
   * A plain BullMQ queue on one of this backend's queues, for bull-board and other tools, over a connection of its own. Close it after use. Jobs
   * that it adds are not tasks, and no worker of ours runs them.
   */
  bullQueue(queueName: string): Promise<Queue> {
    return openBullQueue(this.#store, queueName);
  }

  override check(): Promise<readonly CheckMessage[]> {
    const { isTimedUnasked } = this.#options;
    const { maxPayloadBytes } = this.supports;
    return checkRedis(this.#store, { isTimedUnasked, maxPayloadBytes });
  }

  /** Stops its workers, then closes what it opened. */
  override close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#workers.close();
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
    const calledAtMs = monotonicNow();
    const named = requests.map((request) => ({ ...request, id: request.id ?? createId() }));
    hook.afterCommit(async () => {
      const waitedMs = Math.round(monotonicNow() - calledAtMs);
      const due = named.map((request) => sooner(request, waitedMs));
      await (due.length === 1 ? this.#enqueuer.enqueue(due[0]!) : this.#enqueuer.enqueueMany(due));
    });
    return named.map((request) => ({
      record: transitions.enqueue(request, now),
      deduplicated: false,
    }));
  }

  #workerStore(): RedisWorkerStore {
    return new RedisWorkerStore({
      store: this.#store,
      records: this.#records,
      batches: this.#batches,
      notifications: this.#notifications,
      heartbeat: this.#options.heartbeat,
    });
  }
}

/** A delay counts from the call, not from the commit. */
function sooner(request: EnqueueRequest, waitedMs: number): EnqueueRequest {
  const { delayMs } = request;
  return delayMs === null ? request : { ...request, delayMs: Math.max(0, delayMs - waitedMs) };
}
