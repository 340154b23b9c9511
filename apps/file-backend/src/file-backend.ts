import { resolve } from "node:path";

import {
  announceFinished,
  assertKnownOptions,
  Backend,
  DuplicateTask,
  isFinished,
  resolvePruneOptions,
  wholeNumber,
  type BackendOptions,
  type BackendSupports,
  type CheckMessage,
  type Enqueued,
  type EnqueueRequest,
  type ListOptions,
  type PruneOptions,
  type QueueInfo,
  type RecordPage,
  type ResolvedPruneOptions,
  type StatusCounts,
  type TaskRecord,
  type TaskResult,
  type Worker,
  type WorkerInfo,
  type WorkerOptions,
} from "@tasks/core";
import { QueueWorker, runOne, transitions } from "@tasks/core/worker";

import { FileWorkerStore } from "./file-worker-store.ts";
import { toCounts, toPage, toQueues } from "./overview.ts";
import type { StoredTask } from "./stored-task.ts";
import { TaskFolders } from "./task-folders.ts";
import { UniqueKeys } from "./unique-keys.ts";

/** Options of `FileBackend`. */
export interface FileBackendOptions extends BackendOptions {
  /** The folder that holds everything; made with the first enqueue. */
  readonly folder: string;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Largest JSON text of one payload, in bytes, 1…1,000,000,000. @default 1 MiB */
  readonly maxPayloadBytes?: number | undefined;
}

/**
 * Keeps tasks as files, for the processes of one machine.
 *
 * Every look for work goes through all tasks, so it suits thousands of them, not millions: `prune()` now and then.
 */
export class FileBackend extends Backend {
  override readonly supports: BackendSupports;
  readonly #leaseMs: number;
  readonly #tasks: TaskFolders;
  readonly #keys: UniqueKeys;
  readonly #store: FileWorkerStore;
  readonly #workers = new Set<Worker>();

  constructor(options: FileBackendOptions) {
    super(options);
    assertKnownOptions("new FileBackend()", options, {
      folder: 1,
      queues: 1,
      leaseMs: 1,
      maxPayloadBytes: 1,
    });
    const { leaseMs = 15_000, maxPayloadBytes = 1_048_576 } = options;
    const root = resolve(options.folder);
    this.#leaseMs = wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
    this.#tasks = new TaskFolders(root);
    this.#keys = new UniqueKeys(root, this.#tasks);
    this.#store = new FileWorkerStore(root, this.#tasks);
    this.supports = Object.freeze<BackendSupports>({
      defer: true,
      asyncTask: true,
      getResult: true,
      priority: true,
      // Many tasks are many folders, which cannot appear in one step.
      batch: false,
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
      transaction: false,
      maxPayloadBytes: wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 1_000_000_000),
      timeResolutionMs: 1,
      recoveryMs: this.#leaseMs + 2000,
    });
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    const record = transitions.enqueue(request, this.now());
    await this.#tasks.stage({ record, sequence: nextSequence(), fence: 0, sessionId: null });
    if (request.unique !== null) {
      const holder = await this.#keys.take(request.unique, record.id);
      if (holder !== undefined) {
        await this.#tasks.discard(record.id);
        if (request.unique.onConflict === "return-existing") {
          return { record: holder.record, deduplicated: true };
        }
        throw new DuplicateTask(request.taskName, holder.record.id);
      }
    }
    await this.#tasks.publish(record.id);
    return { record, deduplicated: false };
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    return (await this.#tasks.read(id))?.record;
  }

  override async cancel(id: string): Promise<boolean> {
    let wasFinished = false;
    const { record } = await this.#tasks.change(id, (task) => {
      wasFinished = isFinished(task.record.status);
      return wasFinished
        ? undefined
        : { ...task, record: transitions.cancel(task.record, this.now()) };
    });
    if (!wasFinished && isFinished(record.status)) await announceFinished(this, record);
    return !wasFinished;
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    const worker = new QueueWorker(this, this.#store, { ...options, leaseMs: this.#leaseMs });
    this.#workers.add(worker);
    return worker;
  }

  override async runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.#store, id, this.#leaseMs);
  }

  override async listRecords(options: ListOptions): Promise<RecordPage> {
    return toPage(await this.#tasks.readAll(), options);
  }

  override async counts({
    queueName,
  }: { readonly queueName?: string | undefined } = {}): Promise<StatusCounts> {
    const tasks = await this.#tasks.readAll();
    return toCounts(
      tasks.filter(({ record }) => queueName === undefined || record.queueName === queueName),
    );
  }

  override async queues(): Promise<readonly QueueInfo[]> {
    return toQueues(await this.#tasks.readAll(), this.queueNames);
  }

  override async workers(): Promise<readonly WorkerInfo[]> {
    const tasks = await this.#tasks.readAll();
    const sessions = await this.#store.sessions.readAll();
    return sessions.map(({ sessionId, leaseMs: _leaseMs, ...session }) => ({
      ...session,
      running: tasks.filter((task) => task.sessionId === sessionId).length,
    }));
  }

  override async retry(id: string): Promise<boolean> {
    let hasFailed = false;
    await this.#tasks.change(id, (task) => {
      hasFailed = task.record.status === "FAILED";
      return hasFailed ? { ...task, record: transitions.retry(task.record) } : undefined;
    });
    return hasFailed;
  }

  override async delete(id: string): Promise<boolean> {
    for (;;) {
      const task = await this.#tasks.require(id);
      if (task.record.status === "RUNNING") return false;
      if (await this.#tasks.remove(task)) return true;
    }
  }

  override async prune(options?: PruneOptions): Promise<number> {
    const resolved = resolvePruneOptions(options);
    const { dryRun, batchSize, onProgress, signal } = resolved;
    const old = (await this.#tasks.readAll())
      .filter((task) => this.#isOld(task, resolved))
      .sort((a, b) => finishedMs(a) - finishedMs(b));
    if (dryRun) return old.length;
    let deleted = 0;
    for (let start = 0; start < old.length && signal?.aborted !== true; start += batchSize) {
      const batch = old.slice(start, start + batchSize);
      const removed = await Promise.all(batch.map((task) => this.#tasks.remove(task)));
      deleted += removed.filter(Boolean).length;
      onProgress?.(deleted, old.length);
    }
    return deleted;
  }

  override async check(): Promise<readonly CheckMessage[]> {
    await this.#tasks.readAll();
    return this.#tasks.damaged.map((damaged) => ({
      level: "error",
      id: "tasks.file.E001",
      text: `A task cannot be read: '${damaged.path}' is damaged.`,
      hint: "Repair the file, or remove its folder.",
    }));
  }

  /** Stops the workers it made. */
  override async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
  }

  #isOld(task: StoredTask, options: ResolvedPruneOptions): boolean {
    const { minAgeMs, failedMinAgeMs, queueNames } = options;
    const { status, queueName } = task.record;
    if (!isFinished(status) || queueNames?.includes(queueName) === false) return false;
    const ageMs = this.now().getTime() - finishedMs(task);
    return ageMs >= (status === "FAILED" ? failedMinAgeMs : minAgeMs);
  }
}

function finishedMs({ record }: StoredTask): number {
  return record.finishedAt?.getTime() ?? 0;
}

let lastSequence = 0;

/** Microseconds on this machine's clock, made to grow: enqueue order, also within one millisecond. */
function nextSequence(): number {
  lastSequence = Math.max(lastSequence + 1, Date.now() * 1000);
  return lastSequence;
}
