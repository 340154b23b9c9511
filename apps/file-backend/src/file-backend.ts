import { join, resolve } from "node:path";

import {
  announceFinished,
  assertKnownOptions,
  Backend,
  createId,
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
import { QueueWorker, runOne, transitions, WorkerGroup } from "@tasks/core/worker";

import { FileWorkerStore } from "./file-worker-store.ts";
import { toCounts, toPage, toQueues } from "./overview.ts";
import type { StoredTask } from "./stored-task.ts";
import { TaskFolders } from "./task-folders.ts";
import { UniqueKeys } from "./unique-keys.ts";
import { WakeUp } from "./wake-up.ts";

/** Options of `FileBackend`. */
export interface FileBackendOptions extends BackendOptions {
  /** The folder that holds everything, in a folder for each alias; made with the first enqueue. */
  readonly folder: string;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Largest JSON text of one payload, in bytes, 1…1,000,000,000. @default 1 MiB */
  readonly maxPayloadBytes?: number | undefined;
}

/** The parts that work on the folder of one alias. */
interface OpenFolder {
  readonly tasks: TaskFolders;
  readonly keys: UniqueKeys;
  readonly store: FileWorkerStore;
}

/**
 * Keeps tasks as files, for the processes of one machine.
 *
 * Every look for work goes through all tasks, so it suits thousands of them, not millions: `prune()` now and then.
 */
export class FileBackend extends Backend {
  override readonly supports: BackendSupports;
  readonly #leaseMs: number;
  readonly #folder: string;
  #opened?: OpenFolder;
  readonly #workers = new WorkerGroup();

  constructor(options: FileBackendOptions) {
    super(options);
    assertKnownOptions("new FileBackend()", options, {
      folder: 1,
      queues: 1,
      leaseMs: 1,
      maxPayloadBytes: 1,
    });
    const { leaseMs = 15_000, maxPayloadBytes = 1_048_576 } = options;
    this.#folder = resolve(options.folder);
    this.#leaseMs = wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
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

  get #tasks(): TaskFolders {
    return this.#open().tasks;
  }

  get #keys(): UniqueKeys {
    return this.#open().keys;
  }

  get #store(): FileWorkerStore {
    return this.#open().store;
  }

  /** Opens the folder at the first use: the alias comes with the configuration. */
  #open(): OpenFolder {
    if (this.#opened) return this.#opened;
    const root = join(this.#folder, encodeURIComponent(this.alias));
    const wakeUp = new WakeUp(root);
    const tasks = new TaskFolders(root, wakeUp);
    const keys = new UniqueKeys(root, tasks);
    this.#opened = { tasks, keys, store: new FileWorkerStore(root, tasks, wakeUp) };
    return this.#opened;
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    const existing = request.id === null ? undefined : await this.#tasks.read(request.id);
    if (existing !== undefined) return { record: existing.record, deduplicated: true };
    const record = transitions.enqueue(request, this.now());
    const { id } = record;
    const holdsKey = request.unique?.scope === "until-started";
    const fresh = { fence: 0, sessionId: null, holdsKey, wasFinished: false };
    // Others may be storing a task of the same given id.
    const staged = request.id === null ? id : createId();
    await this.#tasks.stage({ record, sequence: nextSequence(), ...fresh }, staged);
    if (request.unique !== null) {
      const holder = await this.#keys.take(request.unique, { id, staged });
      if (holder !== undefined) {
        await this.#tasks.discard(staged);
        if (request.unique.onConflict === "return-existing" || holder.record.id === request.id) {
          return { record: structuredClone(holder.record), deduplicated: true };
        }
        throw new DuplicateTask(request.taskName, holder.record.id);
      }
    }
    return this.#publish(record, staged);
  }

  /** Makes a staged task visible, unless a task of its id is there by now. */
  async #publish(record: TaskRecord, staged: string): Promise<Enqueued> {
    for (;;) {
      if (await this.#tasks.publish(staged, record.id)) return { record, deduplicated: false };
      const other = await this.#tasks.read(record.id);
      if (other === undefined) continue;
      // Another process that enqueued the same key may have published this task already. Only
      // publishing removes a task from the staging folder.
      const isOurs = !(await this.#tasks.isStaged(staged));
      await this.#tasks.discard(staged);
      return { record: isOurs ? record : other.record, deduplicated: !isOurs };
    }
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    // The task is kept for the next read; a caller may change what it is given.
    return structuredClone((await this.#tasks.read(id))?.record);
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
    const [leaseMs, group] = [this.#leaseMs, this.#workers];
    return new QueueWorker(this, this.#store, { ...options, leaseMs, group });
  }

  override async runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.#store, id, { leaseMs: this.#leaseMs, group: this.#workers });
  }

  override async listRecords(options: ListOptions): Promise<RecordPage> {
    return toPage(await this.#tasks.readAll(), options);
  }

  override async counts(
    options: { readonly queueName?: string | undefined } = {},
  ): Promise<StatusCounts> {
    assertKnownOptions("counts()", options, { queueName: 1 });
    const { queueName } = options;
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
    return sessions.map(({ sessionId, leaseMs: _leaseMs, beat: _beat, ...session }) => ({
      ...session,
      running: tasks.filter(
        (task) => task.record.status === "RUNNING" && task.sessionId === sessionId,
      ).length,
    }));
  }

  override async retry(id: string): Promise<boolean> {
    let hasFailed = false;
    await this.#tasks.change(id, (task) => {
      hasFailed = task.record.status === "FAILED";
      return hasFailed
        ? { ...task, record: transitions.retry(task.record, this.now()), wasFinished: true }
        : undefined;
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
    const windows = await this.#keys.windows();
    const old = (await this.#tasks.readAll())
      .filter((task) => this.#isOld(task, resolved) && !this.#isInWindow(task, windows))
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

  /** Stops the workers it made; none runs any more afterwards. */
  override async close(): Promise<void> {
    await this.#workers.close();
  }

  /** A repeated enqueue of the task returns this result. */
  #isInWindow({ record }: StoredTask, windows: ReadonlyMap<string, number>): boolean {
    const windowMs = windows.get(record.id) ?? 0;
    return record.enqueuedAt.getTime() + windowMs > this.now().getTime();
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
