import { Backend, type BackendOptions, type BackendSupports } from "../backend.ts";
import type { Enqueued, EnqueueRequest } from "../backend.ts";
import { NotSupported } from "../errors.ts";
import { createId } from "../ids.ts";
import { runAttempt, type AttemptEnd } from "../run-attempt.ts";
import { announceFinished, announceStarted } from "../signals.ts";
import { toTaskError } from "../task-error.ts";
import { isFinished, type TaskRecord } from "../task-record.ts";
import { claim, complete, enqueue } from "../transitions.ts";

/** Options of `ImmediateBackend`. */
export interface ImmediateBackendOptions extends BackendOptions {
  /** Largest JSON text of one payload, in bytes. @default 1 MiB */
  readonly maxPayloadBytes?: number | undefined;
}

/**
 * Runs every task inside `enqueue`, in this process: what you have without any configuration.
 *
 * `enqueue` resolves with the finished result and never rejects with the task's own error. Retries follow each other without their wait.
 * Nothing is kept, so results cannot be fetched again.
 */
export class ImmediateBackend extends Backend {
  override readonly supports: BackendSupports;
  readonly #workerId = createId();

  constructor(options: ImmediateBackendOptions = {}) {
    super(options);
    this.supports = Object.freeze<BackendSupports>({
      defer: false,
      asyncTask: true,
      getResult: false,
      priority: true,
      batch: false,
      cancel: false,
      retry: true,
      timeout: true,
      unique: false,
      concurrency: false,
      schedule: false,
      progress: true,
      metadata: true,
      logs: true,
      list: false,
      pause: false,
      wait: false,
      worker: false,
      transaction: false,
      maxPayloadBytes: options.maxPayloadBytes ?? 1_048_576,
      timeResolutionMs: 1,
      recoveryMs: 0,
    });
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    return { record: enqueue(request, this.now()), deduplicated: false };
  }

  override async afterEnqueue(ready: TaskRecord): Promise<TaskRecord> {
    let record = ready;
    while (!isFinished(record.status)) record = await this.#attempt(record);
    await announceFinished(this, record);
    return record;
  }

  async #attempt(ready: TaskRecord): Promise<TaskRecord> {
    const running = claim(ready, this.#workerId, this.now());
    await announceStarted(this, running);
    const end = await runAttempt(
      {
        id: running.id,
        fence: running.workerIds.length,
        taskName: running.taskName,
        attempt: running.workerIds.length,
        args: () => structuredClone(running.args),
        record: () => running,
      },
      { backend: this, workerId: this.#workerId },
    );
    return complete(running, this.#withoutSnooze(end, running), end.changes, this.now());
  }

  #withoutSnooze(end: AttemptEnd, running: TaskRecord): AttemptEnd["outcome"] {
    if (end.outcome.type !== "snooze") return end.outcome;
    const error = new NotSupported(
      "ImmediateBackend cannot snooze a task: it would hold up enqueue(). Use MemoryBackend or a backend with a worker.",
    );
    const attempt = running.workerIds.length;
    const occurredAt = this.now();
    return {
      type: "failed",
      error: toTaskError(error, { attempt, workerId: this.#workerId, occurredAt }),
    };
  }
}
