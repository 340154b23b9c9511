import {
  createId,
  MemoryBackend,
  type BackendSupports,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
  type TaskResult,
  type Worker,
  type WorkerOptions,
} from "@tasks/core";
import { QueueWorker, runOne, type ClaimedTask, type ClaimRequest } from "@tasks/core/worker";

import { StoreWrapper } from "../broken/broken-backend.ts";

/** A memory backend that also keeps concurrency limits, in the plainest way. */
export class CompleteBackend extends MemoryBackend {
  override readonly supports: BackendSupports = Object.freeze({
    ...new MemoryBackend().supports,
    concurrency: true,
  });
  readonly #limits = new Map<string, NonNullable<EnqueueRequest["concurrency"]>>();

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    return super.enqueue(this.#withId(request));
  }

  override async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    return super.enqueueMany(requests.map((request) => this.#withId(request)));
  }

  /** The limit is known by the id, which the store would make only now. */
  #withId(request: EnqueueRequest): EnqueueRequest {
    if (request.concurrency === null) return request;
    const id = request.id ?? createId();
    this.#limits.set(id, request.concurrency);
    return { ...request, id };
  }

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const record = await super.readRecord(id);
    return record && { ...record, blocked: record.status === "READY" && this.isHeldBack(record) };
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    return new QueueWorker(this, new HoldsBack(this), { ...options, group: this.workerGroup });
  }

  override async runTask(id: string): Promise<TaskResult> {
    return runOne(this, new HoldsBack(this), id, { group: this.workerGroup });
  }

  /** Waits for a pause to end or a slot to be free. */
  isHeldBack(record: TaskRecord): boolean {
    return this.store.paused.has(record.queueName) || this.isAtLimit(record);
  }

  /** As many attempts with the record's key are running as may. */
  isAtLimit({ id }: TaskRecord): boolean {
    const limit = this.#limits.get(id);
    if (limit === undefined) return false;
    const running = [...this.store.entries.values()].filter(
      ({ record }) => record.status === "RUNNING" && this.#limits.get(record.id)?.key === limit.key,
    );
    return running.length >= limit.limit;
  }

  /** What is due for a request, in the order in which it must run. */
  due({ queueNames, excludeQueues, taskNames }: ClaimRequest): readonly TaskRecord[] {
    const isServed = ({ queueName, taskName }: TaskRecord): boolean =>
      (queueNames.includes("*") || queueNames.includes(queueName)) &&
      !excludeQueues.includes(queueName) &&
      taskNames.includes(taskName);
    return [...this.store.entries.values()]
      .filter(({ record }) => record.status === "READY" && isServed(record))
      .filter(({ record }) => dueMs(record) <= this.now().getTime())
      .toSorted(
        (a, b) =>
          b.record.priority - a.record.priority ||
          dueMs(a.record) - dueMs(b.record) ||
          a.sequence - b.sequence,
      )
      .map(({ record }) => record);
  }

  /** The plain store. */
  get plainStore(): MemoryBackend["store"] {
    return this.store;
  }
}

class HoldsBack extends StoreWrapper {
  readonly #backend: CompleteBackend;

  constructor(backend: CompleteBackend) {
    super(backend.plainStore);
    this.#backend = backend;
  }

  override async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    if (request.id !== undefined) return super.claim(request);
    // The store notes what this session has seen, for waitForWork.
    await super.claim({ ...request, limit: 0 });
    const claimed: ClaimedTask[] = [];
    for (const record of this.#backend.due(request)) {
      if (claimed.length === request.limit) break;
      if (this.#backend.isHeldBack(record)) continue;
      claimed.push(...(await super.claim({ ...request, id: record.id })));
    }
    return claimed;
  }
}

function dueMs({ runAfter, enqueuedAt }: TaskRecord): number {
  return (runAfter ?? enqueuedAt).getTime();
}
