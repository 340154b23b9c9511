/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The contract between the framework and its backends: everything a backend author reads.
 *
 * Glossary
 * - **task**: a function with a stable name, defined once with `task()`.
 * - **task result**: one enqueued call of a task, from the moment it is stored; also what the caller holds to follow it.
 * - **backend**: where task results are kept (a database, Redis, memory) and who hands them to workers.
 * - **queue**: a name by which task results are grouped; a worker serves some or all queues of one backend.
 * - **worker**: a loop that claims ready tasks and runs them, `concurrency` at a time. One process may hold several.
 * - **claim**: taking ready tasks for one worker, so that no other worker takes them: READY becomes RUNNING.
 * - **attempt**: one run of a task's function, from claim to outcome.
 * - **lease**: the worker's time-limited right to its claimed attempts, renewed by heartbeats.
 * - **fence**: a number that grows with every claim of a result. Whoever holds an older number can record nothing.
 * - **lost attempt**: an attempt whose worker's lease ran out. The task runs again elsewhere, up to `maxLost` times.
 *
 * What core does, so that no backend has to: defaults, validation, the JSON check, size limits, ids, signals, state errors.
 * What a backend does: keep complete, validated values, and give them back unchanged.
 *
 * The steps of a result's life are pure functions in `transitions.ts`; a backend either calls them or does the same in its store's language.
 */
import { InvalidOption, InvalidTaskBackend, NotSupported } from "./errors.ts";
import { wrongOption } from "./internal/assert-option.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { assertQueueName, DEFAULT_TASK_BACKEND_ALIAS } from "./task-options.ts";
import type { TaskRecord, TaskState, TaskStatus } from "./task-record.ts";
import { TaskResult } from "./task-result.ts";

/**
 * What a backend can do: the single truth for validation, docs and the conformance suite.
 *
 * A backend declares it once, frozen. What is `false` is refused before anything is stored.
 */
export interface BackendSupports {
  /** `runAfter`: run a task later. */
  readonly defer: boolean;
  /** Tasks that are async functions. */
  readonly asyncTask: boolean;
  /** `getResult` and `refresh`. */
  readonly getResult: boolean;
  /** A priority other than 0. */
  readonly priority: boolean;
  /** `enqueueMany` stores all of its tasks or none, in few round trips. Without it core enqueues one by one. */
  readonly batch: boolean;
  /** `cancel`, of waiting and of running tasks. */
  readonly cancel: boolean;
  /** `maxAttempts` above 1, `RetryTask`, and `retry()` of a failed result. */
  readonly retry: boolean;
  /** `timeoutMs`. */
  readonly timeout: boolean;
  /** `unique`. */
  readonly unique: boolean;
  /** `concurrency` limits per key. */
  readonly concurrency: boolean;
  /** Recurring schedules. */
  readonly schedule: boolean;
  /** `context.setProgress`. */
  readonly progress: boolean;
  /** `metadata`. */
  readonly metadata: boolean;
  /** `context.log` lines are kept with the result. */
  readonly logs: boolean;
  /** `list`, `counts`, `queues`, `workers`, `delete` and `prune`. */
  readonly list: boolean;
  /** `pause` and `resume` of a queue. */
  readonly pause: boolean;
  /** `wait` for a result to finish. */
  readonly wait: boolean;
  /** `createWorker` and `runTask`. */
  readonly worker: boolean;
  /** Enqueue as part of the caller's transaction: in the same store, after its commit, or not at all. */
  readonly transaction: "atomic" | "after-commit" | false;
  /** Largest JSON text of one payload (arguments, return value, metadata, progress), in bytes. */
  readonly maxPayloadBytes: number;
  /** How finely times are kept, in milliseconds. */
  readonly timeResolutionMs: number;
  /** How long after a worker's death its tasks run elsewhere at the latest, in milliseconds; 0 when nothing is recovered. */
  readonly recoveryMs: number;
}

/** Names of the abilities that are on or off. */
export type Ability = {
  [K in keyof BackendSupports]: BackendSupports[K] extends boolean ? K : never;
}[keyof BackendSupports];

/** How a unique task holds its key. Once free it stays free: `retry()` of a finished result does not take it back. */
export interface UniqueClaim {
  /** At most 255 characters; already holds the task's name. */
  readonly key: string;
  /** The key is free again when the first attempt starts, when the result is finished, or `windowMs` after the enqueue. */
  readonly scope: "until-started" | "until-finished" | "window";
  /** Length of the window in milliseconds; 0 for the other scopes. */
  readonly windowMs: number;
  readonly onConflict: "return-existing" | "reject";
}

/** One task to store: complete and validated. */
export interface EnqueueRequest {
  /**
   * The id the result is to have, stored exactly; `null` when the store makes one, as `createId()` does.
   *
   * Enqueueing is idempotent by a given id: while a result has it, a second request stores nothing and is answered with that result, `deduplicated: true`,
   * whatever else it asks for.
   */
  readonly id: string | null;
  readonly taskName: string;
  readonly args: readonly JsonValue[];
  /** `args` as JSON text. In large batches it is encoded when it is read: read it once, and do not keep it. */
  readonly argsJson: string;
  readonly queueName: string;
  readonly priority: number;
  /** Absolute due time; `null` when not deferred or deferred by `delayMs`. */
  readonly runAfter: Date | null;
  /** Delay from the moment of the enqueue by the store's clock, in milliseconds; `null` when not given. At most one of the two is set. */
  readonly delayMs: number | null;
  readonly maxLost: number;
  readonly metadata: JsonObject;
  readonly unique: UniqueClaim | null;
  /** At most `limit` attempts with this key run at once; `null` for no limit. */
  readonly concurrency: { readonly key: string; readonly limit: number } | null;
}

/** What is passed along with an enqueue. */
export interface EnqueueOptions {
  /** The caller's transaction, in whatever form the backend accepts. */
  readonly transaction?: unknown;
}

/** What became of one enqueue. */
export interface Enqueued {
  /** The stored record; the existing one when the task was a duplicate. */
  readonly record: TaskRecord;
  /** Nothing was stored: the unique key was taken, or a result has the given id. */
  readonly deduplicated: boolean;
}

/** Options of `createWorker`. */
export interface WorkerOptions {
  /** Queues to serve; `["*"]` for all. @default ["default"] */
  readonly queueNames?: readonly string[] | undefined;
  /** Queues to leave out; only with `["*"]`. @default [] */
  readonly excludeQueues?: readonly string[] | undefined;
  /** How many attempts run at once: a whole number from 1 to 10,000. @default 10 */
  readonly concurrency?: number | undefined;
  /** Longest pause between two looks for work, in milliseconds, 0…86,400,000. @default 1000 */
  readonly intervalMs?: number | undefined;
  /** Stop when nothing is ready. Tasks due later are not waited for. @default false */
  readonly batch?: boolean | undefined;
  /** Stop after this many attempts, failed ones included; at least 1. @default no limit */
  readonly maxTasks?: number | undefined;
  /** 1–64 characters; need not be unique. @default host name, process id and a random part */
  readonly workerId?: string | undefined;
  /** Wait a random part of `intervalMs` first, so that workers started together do not look for work together. @default false */
  readonly startupDelay?: boolean | undefined;
  /** How long a graceful stop waits for running attempts, in milliseconds, 0…86,400,000. @default 30000 */
  readonly shutdownTimeoutMs?: number | undefined;
  /** Delete old finished results while the worker runs, as `prune` does; `{}` for its defaults. @default keep them */
  readonly retention?: RetentionOptions | undefined;
}

/** What a worker deletes by itself: once when it starts, then every `everyMs`. Several workers may do so side by side. */
export interface RetentionOptions extends Pick<
  PruneOptions,
  "minAgeMs" | "failedMinAgeMs" | "queueNames" | "batchSize"
> {
  /** Pause between two looks for old results, in milliseconds, 100…86,400,000. @default 60000 */
  readonly everyMs?: number | undefined;
}

/** A loop that claims tasks and runs them. */
export interface Worker extends AsyncDisposable {
  /** The id it was given, or made for itself. */
  readonly workerId: string;
  /** Runs until `stop()`, or with `batch` or `maxTasks` until done. A worker runs once; a second call rejects. */
  run(): Promise<void>;
  /**
   * Begins the graceful stop and resolves when the worker has stopped: no more claims, running attempts may finish until the deadline,
   * then their signals fire and what has not ended is released. Idempotent.
   */
  stop(): Promise<void>;
}

/** Severity of a check message. */
export type CheckLevel = "debug" | "info" | "warning" | "error";

/** One finding of `check()`. */
export interface CheckMessage {
  readonly level: CheckLevel;
  /** Stable identifier such as `tasks.db.E001`. */
  readonly id: string;
  readonly text: string;
  /** What to do about it. */
  readonly hint: string | null;
}

/** Filters and page of `list`. */
export interface ListOptions {
  /** Only results of this status. @default all */
  readonly status?: TaskStatus | undefined;
  /** Only results of this state. @default all */
  readonly state?: TaskState | undefined;
  /** Only results of this queue. @default all */
  readonly queueName?: string | undefined;
  /** Only results of this task. @default all */
  readonly taskName?: string | undefined;
  /** Page size, 1…1000. @default 50 */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** One page of results, newest enqueue first. */
export interface ListPage {
  readonly results: readonly TaskResult[];
  /** Pass it as `cursor` for the next page; `null` on the last. */
  readonly nextCursor: string | null;
}

/** One page of records, newest enqueue first. */
export interface RecordPage {
  readonly records: readonly TaskRecord[];
  readonly nextCursor: string | null;
}

/** How many results have each status. */
export type StatusCounts = Readonly<Record<TaskStatus, number>>;

/** What a queue holds now. */
export interface QueueInfo {
  readonly name: string;
  /** READY and due. */
  readonly ready: number;
  /** READY and due later. */
  readonly scheduled: number;
  readonly running: number;
  readonly paused: boolean;
  /** Age of the oldest due task in milliseconds; `null` when none is due. */
  readonly oldestReadyMs: number | null;
}

/** A worker that announced itself. */
export interface WorkerInfo {
  readonly workerId: string;
  readonly queueNames: readonly string[];
  readonly concurrency: number;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  /** Its lease is valid. */
  readonly alive: boolean;
  /** Attempts it holds. */
  readonly running: number;
}

/** Options of `prune`. */
export interface PruneOptions {
  /** Finished longer ago than this, in milliseconds. @default 14 days */
  readonly minAgeMs?: number | undefined;
  /** The same for FAILED results. @default minAgeMs */
  readonly failedMinAgeMs?: number | undefined;
  /** Only these queues. @default all */
  readonly queueNames?: readonly string[] | undefined;
  /** Count, delete nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** Rows per statement, 1…100,000. @default 1000 */
  readonly batchSize?: number | undefined;
  /** Called after every batch with the rows deleted so far and the total at the start. */
  readonly onProgress?: ((deleted: number, total: number) => void) | undefined;
  /** Stops between two batches. */
  readonly signal?: AbortSignal | undefined;
}

/** Options every backend takes. */
export interface BackendOptions {
  /** Queue names this backend accepts; `[]` accepts any valid name. @default ["default"] */
  readonly queues?: readonly string[] | undefined;
}

/**
 * A place where task results are kept. Extend it.
 *
 * The smallest backend declares `supports` and writes `enqueue`. Each further role is a few methods more: override those your `supports` declares;
 * the others answer `NotSupported`. Methods work on records; the public ones that hand out `TaskResult`s (`getResult`, `list`) are written here once.
 */
export abstract class Backend implements AsyncDisposable {
  /** What this backend can do. Frozen. */
  abstract readonly supports: BackendSupports;
  #alias: string | undefined;
  #isAliasFixed = false;
  /** Queue names accepted; empty accepts any valid name. */
  readonly queueNames: readonly string[];

  /** @throws InvalidOption when `queues` is no array of queue names. */
  constructor(options: BackendOptions = {}) {
    const { queues = ["default"] } = options;
    if (!Array.isArray(queues)) throw wrongOption("queues", "an array of queue names", queues);
    for (const name of queues) assertQueueName(name, InvalidOption);
    this.queueNames = Object.freeze([...queues]);
  }

  /**
   * The alias it is configured under: its namespace within the store, so that two aliases never share results, pauses or counts.
   *
   * `configureTasks()` and `withBackends()` name every backend at once, and the backend of a factory when it is made. A backend of no configuration is
   * `default`. A backend keeps one alias for life: the first use fixes it. Read it at each use, not in a constructor.
   *
   * @throws InvalidTaskBackend when it is set to another alias after it was configured or used.
   */
  get alias(): string {
    this.#isAliasFixed = true;
    return this.#alias ?? DEFAULT_TASK_BACKEND_ALIAS;
  }

  set alias(alias: string) {
    if (this.#isAliasFixed && alias !== this.alias) {
      const { name } = this.constructor;
      throw new InvalidTaskBackend(
        this.#alias === undefined
          ? `This ${name} was used as '${this.alias}' before it was configured as '${alias}'. Configure backends before you use them.`
          : `This ${name} is the backend '${this.alias}' and cannot be '${alias}' as well. Make a backend for each alias.`,
      );
    }
    this.#alias = alias;
  }

  /** Sets the alias of a backend that has none: for a backend that hands its work on to this one. A configuration may still set another. */
  inheritAlias(alias: string): void {
    if (this.#alias !== undefined) return;
    this.alias = alias;
  }

  // ── Enqueuer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Stores one task and resolves when it is durable. A request with a taken unique key stores nothing and gives the existing record, or
   * rejects with `DuplicateTask`, as the request says.
   */
  abstract enqueue(request: EnqueueRequest, options?: EnqueueOptions): Promise<Enqueued>;

  /**
   * Stores many tasks: all or none when `supports.batch`. The answers are in the order of the requests.
   * This default enqueues one by one.
   */
  async enqueueMany(
    requests: readonly EnqueueRequest[],
    options?: EnqueueOptions,
  ): Promise<readonly Enqueued[]> {
    const enqueued: Enqueued[] = [];
    for (const request of requests) enqueued.push(await this.enqueue(request, options));
    return enqueued;
  }

  /**
   * Called after `taskEnqueued` was sent for a stored record; what it gives back is what the caller of `enqueue` sees. For backends that run tasks
   * inside `enqueue`; the others leave it out.
   */
  afterEnqueue?(record: TaskRecord): Promise<TaskRecord>;

  /** The record with this id, or `undefined` when there is none or the id is malformed. */
  async readRecord(_id: string): Promise<TaskRecord | undefined> {
    throw new NotSupported("This backend does not support retrieving or refreshing results.");
  }

  /**
   * Any task's result.
   *
   * @throws TaskResultDoesNotExist when there is none; `NotSupported` when the backend keeps no results.
   */
  async getResult(id: string): Promise<TaskResult> {
    return TaskResult.load(this, id);
  }

  /**
   * Cancels a result: a READY one becomes FAILED with `TaskCancelled` at once, a RUNNING one is asked to stop through its signal within 1 s.
   * Resolves to `false` when it is already finished.
   *
   * @throws TaskResultDoesNotExist
   */
  async cancel(_id: string): Promise<boolean> {
    throw this.notSupported("cancelling tasks");
  }

  /**
   * Resolves when the result may have changed, after `maxMs`, or when the signal fires; core reads it again after that. Spurious wake-ups are fine.
   * Override it where the store can notify; this default is a timer.
   */
  async waitForChange(_id: string, maxMs: number, signal?: AbortSignal): Promise<void> {
    // Loaded on demand, like all that programs which only enqueue never need.
    const { sleep } = await import("./internal/timing.ts");
    await sleep(maxMs, signal);
  }

  // ── Worker ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes a worker; nothing runs before its `run()`. `@tasks/core/worker` has the loop: write a `WorkerStore` and hand it to `QueueWorker`. */
  async createWorker(_options?: WorkerOptions): Promise<Worker> {
    throw this.notSupported("workers");
  }

  /**
   * Claims one READY result, due or not, and runs it in this process. Resolves with the result after the attempt, whatever its outcome.
   *
   * @throws TaskResultDoesNotExist; InvalidTask when it is not READY or its task is not registered here.
   */
  async runTask(_id: string): Promise<TaskResult> {
    throw this.notSupported("running tasks");
  }

  // ── Monitor ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One page of records, newest enqueue first. Override this; `list` checks its options and calls it. */
  async listRecords(_options: ListOptions): Promise<RecordPage> {
    throw this.notSupported("listing tasks");
  }

  /** One page of results, newest enqueue first. @throws InvalidOption for a bad value or an unknown option. */
  async list(options: ListOptions = {}): Promise<ListPage> {
    const { assertListOptions } = await import("./list-options.ts");
    assertListOptions(options);
    const page = await this.listRecords(options);
    return {
      results: page.records.map((record) => new TaskResult(this, record)),
      nextCursor: page.nextCursor,
    };
  }

  /** Results per status, of one queue or of all. @throws InvalidOption for an unknown option. */
  async counts(_options?: { readonly queueName?: string | undefined }): Promise<StatusCounts> {
    throw this.notSupported("listing tasks");
  }

  /** Every queue that holds unfinished tasks, is paused, or is declared in the options; by name. */
  async queues(): Promise<readonly QueueInfo[]> {
    throw this.notSupported("listing tasks");
  }

  /** Workers that announced themselves and did not sign off. */
  async workers(): Promise<readonly WorkerInfo[]> {
    throw this.notSupported("listing tasks");
  }

  /**
   * No task of this queue is claimed until `resume`, in whatever process. Running attempts go on, and `runTask` runs what it is told to. Pausing twice is
   * pausing once.
   *
   * @throws InvalidOption when the backend has no such queue.
   */
  async pause(_queueName: string): Promise<void> {
    throw this.notSupported("pausing queues");
  }

  /** Ends a pause; workers that wait go on by themselves. Without one nothing happens. @throws InvalidOption when the backend has no such queue. */
  async resume(_queueName: string): Promise<void> {
    throw this.notSupported("pausing queues");
  }

  /**
   * Makes a FAILED result READY again, with a fresh allowance of attempts; its history stays. `false` when it is not FAILED.
   *
   * @throws TaskResultDoesNotExist
   */
  async retry(_id: string): Promise<boolean> {
    throw this.notSupported("retrying tasks");
  }

  /**
   * Deletes a result that is not RUNNING; `false` when it is.
   *
   * @throws TaskResultDoesNotExist
   */
  async delete(_id: string): Promise<boolean> {
    throw this.notSupported("listing tasks");
  }

  /** Deletes finished results, oldest first, in batches; READY and RUNNING ones never. Resolves with their number. */
  async prune(_options?: PruneOptions): Promise<number> {
    throw this.notSupported("listing tasks");
  }

  // ── Life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The present by the clock that decides readiness, as this process knows it. */
  now(): Date {
    return new Date();
  }

  /** Looks for mistakes in configuration and store; an empty array is good news. */
  async check(): Promise<readonly CheckMessage[]> {
    return [];
  }

  /** Closes what the backend itself opened. Idempotent; later calls of other methods may reject. */
  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The error for an ability this backend lacks. */
  protected notSupported(what: string): NotSupported {
    return new NotSupported(`${this.constructor.name} does not support ${what}.`);
  }
}

// Merges with what the DOM library or @types/node declare, and keeps programs that have neither compiling.
declare global {
  interface AbortSignal {}
  interface URL {}
}
