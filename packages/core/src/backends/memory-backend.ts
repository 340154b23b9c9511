import { wholeNumber } from "../backend-options.ts";
import type { BackendSupports, Worker, WorkerOptions } from "../backend.ts";
import type { Enqueued, EnqueueRequest } from "../backend.ts";
import { captureBackends } from "../configuration.ts";
import { captureContext, type AsyncScope } from "../internal/async-scope.ts";
import { assertKnownOptions } from "../known-options.ts";
import { log } from "../log.ts";
import type { TaskResult } from "../task-result.ts";
import { assertQueueOf } from "../worker/queue-check.ts";
import { QueueWorker } from "../worker/queue-worker.ts";
import { runOne } from "../worker/run-one.ts";
import { WorkerGroup } from "../worker/worker-group.ts";
import { InMemoryBackend, type InMemoryBackendOptions } from "./in-memory-backend.ts";

/** Options of `MemoryBackend`. */
export interface MemoryBackendOptions extends InMemoryBackendOptions {
  /**
   * Start a worker in this process with the first enqueue; `true` for one that serves all queues. Without it, call `createWorker()`.
   * @default false
   */
  readonly worker?: boolean | WorkerOptions | undefined;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Largest JSON text of one payload, in bytes, 1…1,000,000,000. @default 1 MiB */
  readonly maxPayloadBytes?: number | undefined;
}

/** The async context in which the program loads this module. */
const inProgramContext: AsyncScope = /* @__PURE__ */ captureContext();

/**
 * A complete queue in this process: background work without a store, and the reference for how a backend behaves. What it holds is gone when the
 * process ends.
 */
export class MemoryBackend extends InMemoryBackend {
  override readonly supports: BackendSupports;
  readonly #leaseMs: number;
  /** Its running workers. */
  protected readonly workerGroup: WorkerGroup = new WorkerGroup();
  #ownWorker: WorkerOptions | null;

  /** @throws InvalidOption for a bad value or an unknown option. */
  constructor(options: MemoryBackendOptions = {}) {
    super(options);
    assertKnownOptions("new MemoryBackend()", options, {
      queues: 1,
      clock: 1,
      worker: 1,
      leaseMs: 1,
      maxPayloadBytes: 1,
    });
    const { worker = false, leaseMs = 15_000, maxPayloadBytes = 1_048_576 } = options;
    this.#leaseMs = wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
    this.#ownWorker = worker === true ? { queueNames: ["*"] } : worker || null;
    this.supports = Object.freeze<BackendSupports>({
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
      transaction: false,
      maxPayloadBytes: wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 1_000_000_000),
      timeResolutionMs: 1,
      recoveryMs: this.#leaseMs + 2000,
    });
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    const enqueued = await super.enqueue(request);
    this.#startOwnWorker();
    return enqueued;
  }

  override async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    const enqueued = await super.enqueueMany(requests);
    this.#startOwnWorker();
    return enqueued;
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    return this.#createWorker(options);
  }

  override async pause(queueName: string): Promise<void> {
    assertQueueOf(this, queueName);
    this.store.paused.add(queueName);
    this.store.changed();
    await this.workerGroup.paused(false);
  }

  override async resume(queueName: string): Promise<void> {
    assertQueueOf(this, queueName);
    this.store.paused.delete(queueName);
    this.store.changed();
  }

  override async runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.store, id, { leaseMs: this.#leaseMs, group: this.workerGroup });
  }

  /** Stops the workers it made; none runs any more afterwards. */
  override async close(): Promise<void> {
    this.#ownWorker = null;
    await this.workerGroup.close();
  }

  #startOwnWorker(): void {
    if (this.#ownWorker === null) return;
    const worker = this.#createWorker(this.#ownWorker);
    this.#ownWorker = null;
    const withBackends = captureBackends();
    // The request that enqueues first has an async context of its own, which is no concern of the tasks.
    const running = inProgramContext(() => withBackends(() => worker.run()));
    running.catch((error: unknown) => {
      log("error", "The worker of a MemoryBackend failed.", { error });
    });
  }

  #createWorker(options: WorkerOptions): QueueWorker {
    const [leaseMs, group] = [this.#leaseMs, this.workerGroup];
    return new QueueWorker(this, this.store, { ...options, leaseMs, group });
  }
}
