import {
  Backend,
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
  type Worker,
  type WorkerInfo,
  type WorkerOptions,
} from "../backend.ts";
import {
  BackendUnavailable,
  InvalidTask,
  InvalidOption,
  TaskResultDoesNotExist,
} from "../errors.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import { sleep } from "../internal/timing.ts";
import { assertKnownOptions } from "../known-options.ts";
import type { TaskRecord } from "../task-record.ts";
import type { TaskResult } from "../task-result.ts";
import { toOutboxRequest, toWaitingRecord } from "./outbox-entry.ts";
import { OutboxWorker } from "./outbox-worker.ts";
import { registerRelay } from "./relay.ts";

/** Entries that one process relays at a time. */
const RELAY_CONCURRENCY = 20;
/** How long entries are kept that have moved, or could not be. */
const KEPT = { minAgeMs: 3_600_000, failedMinAgeMs: 14 * 86_400_000 };
/** How long `cancel` waits for an entry that is being moved, in milliseconds. */
const MOVING_MS = 5000;
const MOVING_LOOK_MS = 20;

/** Options of `OutboxBackend`. */
export interface OutboxOptions {
  /**
   * Runs the tasks: a backend outside of your database. It must keep the ids it is given. Its alias, and with it its namespace, is that of the
   * `OutboxBackend`, unless the configuration names the target itself.
   */
  readonly target: Backend;
  /**
   * Keeps tasks enqueued in a transaction until they have moved: a backend on your database, with `transaction: "atomic"`. Its alias is the one in the
   * configuration, else `default`.
   */
  readonly outbox: Backend;
  /** The outbox's queue. @default "outbox" */
  readonly outboxQueue?: string | undefined;
}

/**
 * Lets tasks of any backend be enqueued in a database transaction.
 *
 * Without a transaction everything goes to the target. With one, the task is stored in the outbox as part of it; after the commit a worker of this
 * backend moves it to the target, once, under the same id. A task in the outbox can be read, waited for and cancelled by that id; lists and counts are
 * the target's. Workers forget what has moved after an hour, and what could not be moved after 14 days. Unique tasks cannot be enqueued through the outbox, as their key is held elsewhere.
 *
 * @see https://microservices.io/patterns/data/transactional-outbox.html
 * @example
 * new OutboxBackend({ target: new RQBackend({ url: "redis://localhost" }), outbox: new DatabaseBackend({ url: "postgres://localhost/app" }) })
 */
export class OutboxBackend extends Backend {
  readonly supports: BackendSupports;
  readonly #target: Backend;
  readonly #outbox: Backend;
  readonly #outboxQueue: string;

  /** @throws InvalidOption when the outbox has no atomic transactions or no workers, or the target cannot be asked for results. */
  constructor(options: OutboxOptions) {
    const { target, outbox, outboxQueue = "outbox" } = options;
    super({ queues: target.queueNames });
    assertKnownOptions("new OutboxBackend()", options, { target: 1, outbox: 1, outboxQueue: 1 });
    if (outbox.supports.transaction !== "atomic" || !outbox.supports.worker) {
      throw new InvalidOption(
        `${outbox.constructor.name} cannot be an outbox: it needs transaction: "atomic" and workers, as DatabaseBackend has them.`,
      );
    }
    if (!target.supports.getResult) {
      throw new InvalidOption(
        `${target.constructor.name} cannot be the target of an outbox: it has no getResult, by which a task that has moved is recognised.`,
      );
    }
    this.#target = target;
    this.#outbox = outbox;
    this.#outboxQueue = outboxQueue;
    this.supports = Object.freeze({ ...target.supports, transaction: "atomic" });
    registerRelay();
  }

  override get alias(): string {
    return super.alias;
  }

  /** A target without an alias of its own inherits this one. */
  override set alias(alias: string) {
    super.alias = alias;
    this.#target.inheritAlias(alias);
  }

  /** Where entries of the outbox go. */
  get relayTarget(): Backend {
    return this.#target;
  }

  override async enqueue(request: EnqueueRequest, options?: EnqueueOptions): Promise<Enqueued> {
    const [enqueued] = await this.#unlessThere([request], async () =>
      isGiven(options)
        ? this.#store([request], options)
        : [await this.relayTarget.enqueue(request, options)],
    );
    return enqueued!;
  }

  override async enqueueMany(
    requests: readonly EnqueueRequest[],
    options?: EnqueueOptions,
  ): Promise<readonly Enqueued[]> {
    return this.#unlessThere(requests, (others) =>
      isGiven(options)
        ? this.#store(others, options)
        : this.relayTarget.enqueueMany(others, options),
    );
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const moved = await this.relayTarget.readRecord(id);
    if (moved !== undefined) return moved;
    const entry = await this.#outbox.readRecord(id);
    if (entry === undefined) return undefined;
    // It may have moved between the two looks.
    return (await this.relayTarget.readRecord(id)) ?? toWaitingRecord(entry);
  }

  override async cancel(id: string): Promise<boolean> {
    const deadline = monotonicNow() + MOVING_MS;
    for (;;) {
      const moved = await this.relayTarget.readRecord(id);
      if (moved !== undefined) return this.relayTarget.cancel(id);
      const entry = await this.#outbox.readRecord(id);
      if (entry === undefined || toWaitingRecord(entry) === undefined) {
        throw new TaskResultDoesNotExist(id);
      }
      if (entry.status === "FAILED") return false;
      if (entry.status === "READY" && (await this.#outbox.cancel(id))) {
        if ((await this.#outbox.readRecord(id))?.status === "FAILED") return true;
      }
      // It is on its way, and can be cancelled where it arrives.
      if (monotonicNow() > deadline) {
        throw new BackendUnavailable(`Task ${id} is being moved and does not arrive; try again.`);
      }
      await sleep(MOVING_LOOK_MS);
    }
  }

  override waitForChange(id: string, maxMs: number, signal?: AbortSignal): Promise<void> {
    return this.relayTarget.waitForChange(id, maxMs, signal);
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    const { batch = false, intervalMs, shutdownTimeoutMs } = options;
    const target = await this.relayTarget.createWorker(options);
    const relay = await this.#outbox.createWorker({
      queueNames: [this.#outboxQueue],
      concurrency: RELAY_CONCURRENCY,
      workerId: target.workerId,
      batch,
      intervalMs,
      shutdownTimeoutMs,
      retention: { ...KEPT, queueNames: [this.#outboxQueue] },
    });
    return new OutboxWorker(relay, target, batch);
  }

  override async runTask(id: string): Promise<TaskResult> {
    const isWaiting = (await this.relayTarget.readRecord(id)) === undefined;
    if (isWaiting && (await this.readRecord(id)) !== undefined) await this.#outbox.runTask(id);
    return this.relayTarget.runTask(id);
  }

  override listRecords(options: ListOptions): Promise<RecordPage> {
    return this.relayTarget.listRecords(options);
  }

  override counts(options?: { readonly queueName?: string | undefined }): Promise<StatusCounts> {
    return this.relayTarget.counts(options);
  }

  override queues(): Promise<readonly QueueInfo[]> {
    return this.relayTarget.queues();
  }

  override workers(): Promise<readonly WorkerInfo[]> {
    return this.relayTarget.workers();
  }

  override pause(queueName: string): Promise<void> {
    return this.relayTarget.pause(queueName);
  }

  override resume(queueName: string): Promise<void> {
    return this.relayTarget.resume(queueName);
  }

  override async retry(id: string): Promise<boolean> {
    return (await this.#holderOf(id)).retry(id);
  }

  override async delete(id: string): Promise<boolean> {
    return (await this.#holderOf(id)).delete(id);
  }

  override prune(options?: PruneOptions): Promise<number> {
    return this.relayTarget.prune(options);
  }

  override now(): Date {
    return this.relayTarget.now();
  }

  override async check(): Promise<readonly CheckMessage[]> {
    return [...(await this.relayTarget.check()), ...(await this.#outbox.check())];
  }

  override async close(): Promise<void> {
    await Promise.all([this.#target.close(), this.#outbox.close()]);
  }

  /** An entry that has not moved is the outbox's. */
  async #holderOf(id: string): Promise<Backend> {
    if ((await this.relayTarget.readRecord(id)) !== undefined) return this.#target;
    return (await this.#outbox.readRecord(id)) === undefined ? this.#target : this.#outbox;
  }

  /** Stores requests but those whose given id a task has already, in the target or on its way there. */
  async #unlessThere(
    requests: readonly EnqueueRequest[],
    store: (others: readonly EnqueueRequest[]) => Promise<readonly Enqueued[]>,
  ): Promise<readonly Enqueued[]> {
    if (requests.every(({ id }) => id === null)) return store(requests);
    const existing = await Promise.all(
      requests.map(async ({ id }) => (id === null ? undefined : this.readRecord(id))),
    );
    const others = requests.filter((_request, index) => existing[index] === undefined);
    const stored = others.length === 0 ? [] : await store(others);
    let next = 0;
    return existing.map((record) =>
      record === undefined ? stored[next++]! : { record, deduplicated: true },
    );
  }

  async #store(
    requests: readonly EnqueueRequest[],
    options: EnqueueOptions,
  ): Promise<readonly Enqueued[]> {
    const entries = requests.map((request) => {
      if (request.unique !== null) throw this.notSupported("unique tasks in a transaction");
      return toOutboxRequest(request, this.alias, this.#outboxQueue);
    });
    const stored = await this.#outbox.enqueueMany(entries, options);
    return stored.map(({ record: entry, deduplicated }) => {
      const record = toWaitingRecord(entry);
      if (record !== undefined) return { record, deduplicated };
      throw new InvalidTask(`The id '${entry.id}' is taken in the outbox by another task.`);
    });
  }
}

function isGiven(options: EnqueueOptions | undefined): options is EnqueueOptions {
  return options?.transaction !== undefined && options.transaction !== null;
}
