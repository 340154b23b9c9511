import { wholeNumber } from "../backend-options.ts";
import { Backend, type BackendOptions, type BackendSupports } from "../backend.ts";
import type { Enqueued, EnqueueRequest } from "../backend.ts";
import { createId } from "../ids.ts";
import { assertKnownOptions } from "../known-options.ts";
import type { TaskRecord } from "../task-record.ts";
import type * as ImmediateRunnerModule from "./immediate-runner.ts";

type ImmediateRunner = typeof ImmediateRunnerModule;

/** Options of `ImmediateBackend`. */
export interface ImmediateBackendOptions extends BackendOptions {
  /** Largest JSON text of one payload, in bytes, 1…1,000,000,000. @default 1 MiB */
  readonly maxPayloadBytes?: number | undefined;
}

/**
 * Runs every task inside `enqueue`, in this process: what you have without any configuration.
 *
 * `enqueue` resolves with the finished result and never rejects with the task's own error. Retries follow each other without their wait.
 * Nothing is kept, so results cannot be fetched again, and a task enqueued twice with one id runs twice.
 */
export class ImmediateBackend extends Backend {
  override readonly supports: BackendSupports;
  readonly #workerId = createId();

  /** @throws InvalidOption for a bad value or an unknown option. */
  constructor(options: ImmediateBackendOptions = {}) {
    super(options);
    assertKnownOptions("new ImmediateBackend()", options, { queues: 1, maxPayloadBytes: 1 });
    const { maxPayloadBytes = 1_048_576 } = options;
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
      maxPayloadBytes: wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 1_000_000_000),
      timeResolutionMs: 1,
      recoveryMs: 0,
    });
  }

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    const { enqueue } = await loadRunner();
    return { record: enqueue(request, this.now()), deduplicated: false };
  }

  override async afterEnqueue(ready: TaskRecord): Promise<TaskRecord> {
    const { runToEnd } = await loadRunner();
    return runToEnd(this, this.#workerId, ready);
  }
}

/** Loaded with the first task that runs: programs that only enqueue elsewhere never need it. */
function loadRunner(): Promise<ImmediateRunner> {
  runner ??= import("./immediate-runner.ts");
  return runner;
}

let runner: Promise<ImmediateRunner> | undefined;
