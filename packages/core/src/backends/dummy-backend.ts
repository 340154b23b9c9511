import type { BackendSupports } from "../backend.ts";
import { assertKnownOptions } from "../known-options.ts";
import { TaskResult } from "../task-result.ts";
import { QueueWorker } from "../worker/queue-worker.ts";
import { InMemoryBackend, type InMemoryBackendOptions } from "./in-memory-backend.ts";

/** Options of `DummyBackend`. */
export interface DummyBackendOptions extends InMemoryBackendOptions {
  /** Abilities to declare otherwise, to see how your code takes a backend that lacks them. */
  readonly supports?: Partial<BackendSupports> | undefined;
}

/**
 * Stores tasks and never runs them: for tests that look at what was enqueued. `@tasks/core/testing` helps to look, and to run what is pending.
 */
export class DummyBackend extends InMemoryBackend {
  override readonly supports: BackendSupports;

  constructor(options: DummyBackendOptions = {}) {
    super(options);
    assertKnownOptions("new DummyBackend()", options, { queues: 1, clock: 1, supports: 1 });
    assertKnownOptions("supports of DummyBackend", options.supports ?? {}, SUPPORTS);
    this.supports = Object.freeze<BackendSupports>({ ...SUPPORTS, ...options.supports });
  }

  /** Everything enqueued and not cleared, in enqueue order; fresh snapshots at every look. */
  get results(): readonly TaskResult[] {
    return [...this.store.entries.values()].map(
      ({ record }) => new TaskResult(this, structuredClone(record)),
    );
  }

  /** Forgets all results. */
  clear(): void {
    this.store.clear();
  }

  /**
   * Runs what is ready, one task at a time, and what those tasks enqueue; `drain()` of `@tasks/core/testing` calls it.
   *
   * @param limit most attempts.
   */
  async runReady(limit: number): Promise<void> {
    const options = { queueNames: ["*"], concurrency: 1, batch: true, maxTasks: limit };
    await new QueueWorker(this, this.store, options).run();
  }
}

const SUPPORTS: BackendSupports = {
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
  pause: false,
  wait: false,
  worker: false,
  transaction: false,
  maxPayloadBytes: 1_048_576,
  timeResolutionMs: 1,
  recoveryMs: 0,
};
