import { MemoryBackend, type TaskResult, type Worker, type WorkerOptions } from "@tasks/core";
import {
  QueueWorker,
  runOne,
  type AttemptChecks,
  type AttemptRef,
  type AttemptUpdate,
  type ClaimedTask,
  type ClaimRequest,
  type Completion,
  type CompletionAnswer,
  type WorkerSession,
  type WorkerStore,
} from "@tasks/core/worker";

/** A memory backend whose worker side can be broken. */
export class BrokenBackend extends MemoryBackend {
  /** What its workers work on. */
  protected get workerStore(): WorkerStore {
    return this.store;
  }

  override async createWorker(options: WorkerOptions = {}): Promise<Worker> {
    return new QueueWorker(this, this.workerStore, { ...options, group: this.workerGroup });
  }

  override async runTask(id: string): Promise<TaskResult> {
    return runOne(this, this.workerStore, id, { group: this.workerGroup });
  }
}

/** A store that passes everything on; override what is to be broken. */
export class StoreWrapper implements WorkerStore {
  protected readonly inner: WorkerStore;

  constructor(inner: WorkerStore) {
    this.inner = inner;
  }
  register(session: WorkerSession): Promise<void> {
    return this.inner.register(session);
  }
  claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    return this.inner.claim(request);
  }
  start(attempts: readonly AttemptRef[]): Promise<void> {
    return this.inner.start!(attempts);
  }
  complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return this.inner.complete(completions);
  }
  update(updates: readonly AttemptUpdate[]): Promise<void> {
    return this.inner.update(updates);
  }
  renewLease(session: WorkerSession): Promise<void> {
    return this.inner.renewLease(session);
  }
  checkAttempts(
    session: WorkerSession,
    attempts: Parameters<WorkerStore["checkAttempts"]>[1],
  ): Promise<AttemptChecks> {
    return this.inner.checkAttempts(session, attempts);
  }
  recoverLost(session: WorkerSession): ReturnType<WorkerStore["recoverLost"]> {
    return this.inner.recoverLost(session);
  }
  waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    return this.inner.waitForWork!(request, maxMs, signal);
  }
  unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    return this.inner.unknownTasks(request);
  }
  unregister(session: WorkerSession): Promise<void> {
    return this.inner.unregister(session);
  }
}
