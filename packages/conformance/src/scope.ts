import assert from "node:assert/strict";

import {
  withBackends,
  type Backend,
  type BackendSupports,
  type EnqueueRequest,
  type TaskContext,
  type TaskOptions,
  type TaskResult,
  type Worker,
  type WorkerOptions,
} from "@tasks/core";

import type { BackendDefinition } from "./definition.ts";
import { until, within } from "./internal/deadline.ts";
import { LONG_LEASE_MS } from "./internal/lease.ts";
import { createNamespace, createTaskName } from "./internal/names.ts";
import {
  recordedEvents,
  recordedLogs,
  type RecordedEvent,
  type RecordedLog,
} from "./internal/recorder.ts";
import { TaskFunctions, type AnyFunction, type AnyTask } from "./internal/task-functions.ts";
import { traceCalls } from "./internal/trace.ts";
import type { Profile } from "./profile.ts";
import type { Requirement } from "./requirement.ts";

/** A function of the suite that takes a context. */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
type ContextFunction = (context: TaskContext, ...args: any[]) => unknown;

export type { AnyTask } from "./internal/task-functions.ts";

/** A worker that runs in the background of a test. */
export interface RunningWorker {
  readonly worker: Worker;
  /** Settles as its `run()` does. */
  readonly done: Promise<void>;
}

/** What a requirement's test works with: a backend of its own, tasks with names of their own, workers that are stopped at the end. */
export class Scope {
  readonly namespace: string = createNamespace();
  readonly supports: BackendSupports;
  readonly offers: Profile["offers"];
  readonly definition: BackendDefinition;
  readonly #requirement: Requirement;
  readonly #functions = new TaskFunctions();
  #tasks = 0;
  readonly #opened: Backend[] = [];
  readonly #namespaces = new Map<Backend, string>();
  readonly #workers: RunningWorker[] = [];

  constructor(definition: BackendDefinition, profile: Profile, requirement: Requirement) {
    this.definition = definition;
    this.supports = profile.supports;
    this.offers = profile.offers;
    this.#requirement = requirement;
  }

  /** The backend under test, configured as `default` while the test runs. */
  get backend(): Backend {
    const [backend] = this.#opened;
    assert(backend !== undefined, "the scope is not open");
    return backend;
  }

  /** Opens a backend: the first is the one under test, each further one another handle on the same store, as another process would hold. */
  async open(queues: readonly string[] = this.#requirement.queues ?? []): Promise<Backend> {
    return this.#open(this.namespace, queues);
  }

  /** Opens several handles at once on one new store. */
  async openTogether(count: number): Promise<readonly Backend[]> {
    const namespace = createNamespace();
    return Promise.all(Array.from({ length: count }, () => this.#open(namespace, [])));
  }

  /** Opens a backend whose store has nothing to do with the others. */
  async openUnrelated(): Promise<Backend> {
    return this.#open(createNamespace(), []);
  }

  /** Closes a backend that `openUnrelated()` opened, and removes what it stored, before the end of the test. */
  async discard(backend: Backend): Promise<void> {
    await backend.close();
    const namespace = this.#namespaces.get(backend);
    if (namespace === undefined) return;
    this.#namespaces.delete(backend);
    await this.definition.destroy?.({ namespace });
  }

  /** Defines a task. The function given to core is never an async one, so that it fits every backend. */
  task(fn: AnyFunction): AnyTask;
  task(options: TaskOptions, fn: AnyFunction): AnyTask;
  task(optionsOrFunction: TaskOptions | AnyFunction, maybeFunction?: AnyFunction): AnyTask {
    const [options, fn] =
      typeof optionsOrFunction === "function"
        ? [{}, optionsOrFunction]
        : [optionsOrFunction, maybeFunction!];
    const name = options.name ?? `conformance.${this.#requirement.id}.${++this.#tasks}`;
    return this.#functions.define(name, options, fn);
  }

  /** Defines a task that takes the context. */
  contextTask(fn: ContextFunction): AnyTask;
  contextTask(options: TaskOptions, fn: ContextFunction): AnyTask;
  contextTask(options: TaskOptions | ContextFunction, fn?: ContextFunction): AnyTask {
    return typeof options === "function"
      ? this.task({ takesContext: true }, options)
      : this.task({ ...options, takesContext: true }, fn!);
  }

  /** A task name that is free in this process. */
  name(): string {
    return createTaskName(this.#requirement.id);
  }

  /** Runs a test as this scope's: what it starts calls this scope's functions. */
  enter<T>(test: () => Promise<T>): Promise<T> {
    return this.#functions.enter(() => withBackends({ default: this.backend }, test));
  }

  /** A complete request as core would hand it to the backend, for tasks that this process does not know. */
  request(changes: Partial<EnqueueRequest> = {}): EnqueueRequest {
    const args = changes.args ?? [];
    return {
      id: null,
      taskName: this.name(),
      args,
      argsJson: JSON.stringify(args),
      queueName: "default",
      priority: 0,
      runAfter: null,
      delayMs: null,
      maxLost: 3,
      metadata: {},
      unique: null,
      concurrency: null,
      ...changes,
    };
  }

  /** Runs everything that is ready, and nothing more. Without a worker tasks have run inside `enqueue`. */
  async drain(options: WorkerOptions = {}, backend: Backend = this.backend): Promise<void> {
    if (!this.supports.worker) return;
    const worker = await backend.createWorker({
      intervalMs: 20,
      batch: true,
      shutdownTimeoutMs: 1000,
      ...options,
    });
    await within(15_000, "A worker with batch: true stops when nothing is ready", worker.run());
  }

  /** Brings results to their end, retries included, and loads them. */
  async finish(...results: readonly TaskResult[]): Promise<void> {
    if (results.every((result) => result.isFinished)) return;
    await until("The tasks are finished", async () => {
      await this.drain({ queueNames: ["*"] });
      if (this.supports.getResult) await Promise.all(results.map((result) => result.refresh()));
      return results.every((result) => result.isFinished);
    });
  }

  /** Waits for the end of a task, and resolves with its result, loaded anew. */
  async wait(result: TaskResult, limitMs = 15_000): Promise<TaskResult> {
    const over = new AbortController();
    try {
      const waiting = result.wait({ signal: over.signal });
      return await within(limitMs, `Task ${result.taskName} ends`, waiting);
    } finally {
      over.abort();
    }
  }

  /** Resolves when a deferred result has fallen due by the backend's clock. */
  async untilDue(result: TaskResult): Promise<void> {
    const due = result.runAfter ?? result.enqueuedAt;
    await this.untilTime(due.getTime() + this.supports.timeResolutionMs);
  }

  /** Resolves when the backend's clock has passed a moment that is near. */
  async untilTime(ms: number): Promise<void> {
    await until("The moment comes", () => this.backend.now().getTime() > ms);
  }

  /** Enqueues one call, brings it to its end and gives its result. */
  async run(task: AnyTask, ...args: readonly unknown[]): Promise<TaskResult> {
    const result = await task.enqueue(...args);
    await this.finish(result);
    return result;
  }

  /** Starts a worker that runs until the end of the test. */
  async startWorker(
    options: WorkerOptions = {},
    backend: Backend = this.backend,
  ): Promise<RunningWorker> {
    const worker = await backend.createWorker({
      intervalMs: 20,
      shutdownTimeoutMs: 1000,
      ...options,
    });
    return this.watch(worker);
  }

  /** Runs a worker in the background until the end of the test. */
  watch(worker: Worker): RunningWorker {
    const done = worker.run();
    // Looked at when the scope closes; until then a rejection has nobody to wait for it.
    done.catch(() => undefined);
    const running = { worker, done };
    this.#workers.push(running);
    return running;
  }

  /** Task signals about one result, in order. */
  events(result: Pick<TaskResult, "id" | "taskName">): readonly RecordedEvent[] {
    return recordedEvents(result.taskName).filter((event) => event.taskResult.id === result.id);
  }

  /** Task signals of this test's backends about any result of a task. */
  eventsOf(task: Pick<AnyTask, "name">): readonly RecordedEvent[] {
    return recordedEvents(task.name).filter(({ sender }) => this.#opened.includes(sender));
  }

  /** Log records about one result. */
  logs(result: Pick<TaskResult, "id">): readonly RecordedLog[] {
    return recordedLogs(result.id);
  }

  /** Holds a refusal to its class, its words, and to having stored nothing. */
  async assertRefused(
    task: Pick<AnyTask, "name">,
    enqueue: () => Promise<unknown>,
    expected: { readonly name: string; readonly message: RegExp },
  ): Promise<void> {
    await assert.rejects(enqueue, expected);
    assert.deepEqual(this.eventsOf(task), [], "a refused task sends no signal");
    if (this.supports.list) {
      const { results } = await this.backend.list({ taskName: task.name });
      assert.deepEqual(
        results.map(({ id }) => id),
        [],
        "a refused task stores nothing",
      );
    }
  }

  /** Stops workers and closes backends. Rejects when a worker's run did. */
  async close(): Promise<void> {
    try {
      const stopped = this.#workers.map(async ({ worker, done }) => {
        await worker.stop();
        await done;
      });
      await within(10_000, "Workers stop at the end of the test", Promise.all(stopped));
    } finally {
      await within(
        10_000,
        "Backends close at the end of the test",
        Promise.all(this.#opened.map((backend) => backend.close())),
      );
      for (const namespace of new Set(this.#namespaces.values())) {
        await this.definition.destroy?.({ namespace });
      }
    }
  }

  async #open(namespace: string, queues: readonly string[]): Promise<Backend> {
    const leaseMs = this.#requirement.leaseMs ?? LONG_LEASE_MS;
    const backend = await this.definition.createBackend({ namespace, queues, leaseMs });
    traceCalls(backend);
    this.#opened.push(backend);
    this.#namespaces.set(backend, namespace);
    return backend;
  }
}
