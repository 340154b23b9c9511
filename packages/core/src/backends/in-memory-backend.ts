import {
  Backend,
  type BackendOptions,
  type Enqueued,
  type EnqueueRequest,
  type ListOptions,
  type PruneOptions,
  type QueueInfo,
  type RecordPage,
  type StatusCounts,
  type WorkerInfo,
} from "../backend.ts";
import { systemClock, type Clock } from "../clock.ts";
import { TaskResultDoesNotExist } from "../errors.ts";
import { assertKnownOptions } from "../known-options.ts";
import { resolvePruneOptions } from "../prune-options.ts";
import { announceFinished } from "../signals.ts";
import { isFinished, taskState, TASK_STATUSES, type TaskRecord } from "../task-record.ts";
import * as transitions from "../transitions.ts";
import { MemoryStore, type Entry } from "./memory-store.ts";

/** Options of the backends that keep their results in memory. */
export interface InMemoryBackendOptions extends BackendOptions {
  /** Where time comes from; `createClock()` of `@tasks/core/testing` is set by hand. @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** What `MemoryBackend` and `DummyBackend` share: keeping, reading and managing results in this process. */
export abstract class InMemoryBackend extends Backend {
  /** The results and their queues. */
  protected readonly store: MemoryStore;

  constructor(options: InMemoryBackendOptions = {}) {
    super(options);
    this.store = new MemoryStore(options.clock ?? systemClock);
  }

  override now(): Date {
    return this.store.clock.now();
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    return withOwnRecord(this.store.enqueue(request));
  }

  override async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    return this.store.enqueueAll(requests).map(withOwnRecord);
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const entry = this.store.entries.get(id);
    return entry === undefined ? undefined : structuredClone(this.store.view(entry));
  }

  override async cancel(id: string): Promise<boolean> {
    const entry = this.#entry(id);
    if (isFinished(entry.record.status)) return false;
    this.store.write(entry, transitions.cancel(entry.record, this.now()));
    if (isFinished(entry.record.status)) await announceFinished(this, entry.record);
    return true;
  }

  override async waitForChange(_id: string, maxMs: number, signal?: AbortSignal): Promise<void> {
    await this.store.waitForChange(maxMs, signal);
  }

  override async listRecords(options: ListOptions): Promise<RecordPage> {
    const { limit = 50, cursor } = options;
    const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
    const records: TaskRecord[] = [];
    let last = 0;
    for (const entry of [...this.store.entries.values()].reverse()) {
      if (entry.sequence >= before) continue;
      const record = this.store.view(entry);
      if (!this.#matches(record, options)) continue;
      if (records.length === limit) return { records, nextCursor: String(last) };
      records.push(structuredClone(record));
      last = entry.sequence;
    }
    return { records, nextCursor: null };
  }

  override async counts(
    options: { readonly queueName?: string | undefined } = {},
  ): Promise<StatusCounts> {
    assertKnownOptions("counts()", options, { queueName: 1 });
    const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, 0])) as Record<
      keyof StatusCounts,
      number
    >;
    for (const { record } of this.store.entries.values()) {
      if (options.queueName === undefined || options.queueName === record.queueName) {
        counts[record.status]++;
      }
    }
    return counts;
  }

  override async queues(): Promise<readonly QueueInfo[]> {
    const nowMs = this.now().getTime();
    const queues = new Map<string, { -readonly [K in keyof QueueInfo]: QueueInfo[K] }>();
    const queueOf = (name: string): { -readonly [K in keyof QueueInfo]: QueueInfo[K] } => {
      const empty = {
        name,
        ready: 0,
        scheduled: 0,
        running: 0,
        paused: this.store.paused.has(name),
        oldestReadyMs: null,
      };
      const queue = queues.get(name) ?? empty;
      queues.set(name, queue);
      return queue;
    };
    [...this.queueNames, ...this.store.paused].forEach(queueOf);
    for (const { record } of this.store.entries.values()) {
      if (isFinished(record.status)) continue;
      const queue = queueOf(record.queueName);
      const waitedMs = nowMs - (record.runAfter ?? record.enqueuedAt).getTime();
      if (record.status === "RUNNING") queue.running++;
      else if (waitedMs < 0) queue.scheduled++;
      else {
        queue.ready++;
        queue.oldestReadyMs = Math.max(queue.oldestReadyMs ?? 0, waitedMs);
      }
    }
    return [...queues.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  override async workers(): Promise<readonly WorkerInfo[]> {
    const nowMs = this.now().getTime();
    return [...this.store.sessions.values()].map((session) => ({
      workerId: session.workerId,
      queueNames: session.queueNames,
      concurrency: session.concurrency,
      startedAt: session.startedAt,
      lastSeenAt: session.lastSeenAt,
      alive: session.lastSeenAt.getTime() + session.leaseMs > nowMs,
      running: this.store.countRunning(session.sessionId),
    }));
  }

  override async retry(id: string): Promise<boolean> {
    const entry = this.#entry(id);
    if (entry.record.status !== "FAILED") return false;
    this.store.write(entry, transitions.retry(entry.record, this.now()));
    return true;
  }

  override async delete(id: string): Promise<boolean> {
    const entry = this.#entry(id);
    if (entry.record.status === "RUNNING") return false;
    this.store.remove(entry);
    return true;
  }

  override async prune(options?: PruneOptions): Promise<number> {
    const { minAgeMs, failedMinAgeMs, queueNames, ...how } = resolvePruneOptions(options);
    const { dryRun, batchSize, onProgress, signal } = how;
    const nowMs = this.now().getTime();
    const old = oldestFirst(
      [...this.store.entries.values()].filter(({ record }) => {
        if (record.finishedAt === null || this.store.isWindowOpen(record.id)) return false;
        if (queueNames !== null && !queueNames.includes(record.queueName)) return false;
        const ageMs = nowMs - record.finishedAt.getTime();
        return ageMs >= (record.status === "FAILED" ? failedMinAgeMs : minAgeMs);
      }),
    );
    if (dryRun) return old.length;
    let deleted = 0;
    while (deleted < old.length && signal?.aborted !== true) {
      const batch = old.slice(deleted, deleted + batchSize);
      for (const entry of batch) this.store.remove(entry);
      deleted += batch.length;
      onProgress?.(deleted, old.length);
    }
    return deleted;
  }

  #entry(id: string): Entry {
    const entry = this.store.entries.get(id);
    if (entry === undefined) throw new TaskResultDoesNotExist(id);
    return entry;
  }

  #matches(record: TaskRecord, { status, state, queueName, taskName }: ListOptions): boolean {
    return (
      (status === undefined || record.status === status) &&
      (queueName === undefined || record.queueName === queueName) &&
      (taskName === undefined || record.taskName === taskName) &&
      (state === undefined || taskState(record, this.now()) === state)
    );
  }
}

function oldestFirst(entries: readonly Entry[]): readonly Entry[] {
  const finishedMs = ({ record }: Entry): number => record.finishedAt?.getTime() ?? 0;
  return entries.toSorted((a, b) => finishedMs(a) - finishedMs(b));
}

/** A caller may change the record it is given; the store's own must not change with it. */
function withOwnRecord({ record, deduplicated }: Enqueued): Enqueued {
  return { record: structuredClone(record), deduplicated };
}
