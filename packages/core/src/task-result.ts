import type { Backend } from "./backend.ts";
import {
  NotSupported,
  TaskDoesNotExist,
  TaskFailed,
  TaskNotFinished,
  TaskResultDoesNotExist,
} from "./errors.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { registeredTasks } from "./registry.ts";
import {
  isFinished,
  taskState,
  type TaskError,
  type TaskLogEntry,
  type TaskRecord,
  type TaskState,
  type TaskStatus,
} from "./task-record.ts";
import type { Task } from "./task.ts";

/** Options of `wait()`. */
export interface WaitOptions {
  /** Give up after this many milliseconds with `WaitTimeout`. @default never */
  readonly timeoutMs?: number | undefined;
  /** Give up when it fires, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A result as plain JSON data. */
export interface TaskResultJson {
  readonly id: string;
  readonly taskName: string;
  readonly status: TaskStatus;
  readonly state: TaskState;
  readonly backend: string;
  readonly queueName: string;
  readonly priority: number;
  readonly args: readonly JsonValue[];
  readonly metadata: JsonObject;
  readonly runAfter: string | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly lastAttemptedAt: string | null;
  readonly finishedAt: string | null;
  readonly attempts: number;
  readonly workerIds: readonly string[];
  readonly errorsOmitted: number;
  readonly errors: readonly (Omit<TaskError, "occurredAt"> & { readonly occurredAt: string })[];
  readonly progress: JsonValue;
  readonly logs: readonly (Omit<TaskLogEntry, "loggedAt"> & { readonly loggedAt: string })[];
  /** `null` unless the status is SUCCESSFUL. */
  readonly returnValue: JsonValue;
  readonly deduplicated: boolean;
}

/**
 * One enqueued call of a task: a snapshot, and the handle to follow it.
 *
 * Its fields change by `refresh()` and `wait()` only.
 */
export class TaskResult<T = unknown> {
  readonly id: string;
  readonly taskName: string;
  /** Alias of the backend that holds it. */
  readonly backend: string;
  /** An existing result was given back instead of storing a duplicate of a unique task. */
  readonly deduplicated: boolean;
  declare readonly args: readonly JsonValue[];
  declare readonly queueName: string;
  declare readonly priority: number;
  declare readonly status: TaskStatus;
  declare readonly runAfter: Date | null;
  declare readonly metadata: JsonObject;
  declare readonly enqueuedAt: Date;
  /** Start of the first attempt. */
  declare readonly startedAt: Date | null;
  /** Start of the latest attempt. */
  declare readonly lastAttemptedAt: Date | null;
  declare readonly finishedAt: Date | null;
  declare readonly errors: readonly TaskError[];
  /** How many errors were left out behind the first one: a result keeps the first and the latest. */
  declare readonly errorsOmitted: number;
  /** Workers of the first and the latest attempts, one per attempt. */
  declare readonly workerIds: readonly string[];
  /** Attempts so far, a running one included. */
  declare readonly attempts: number;
  /** What the task stored last with `setProgress`; `null` when nothing was. */
  declare readonly progress: JsonValue;
  /** What the task wrote with `context.log`. */
  declare readonly logs: readonly TaskLogEntry[];

  readonly #backend: Backend;
  #record: TaskRecord;

  /** For backends and core; others get results from `enqueue` and `getResult`. */
  constructor(backend: Backend, record: TaskRecord, deduplicated = false) {
    this.#backend = backend;
    this.#record = record;
    this.id = record.id;
    this.taskName = record.taskName;
    this.backend = backend.alias;
    this.deduplicated = deduplicated;
    this.#show(record);
  }

  /** @throws TaskResultDoesNotExist; NotSupported when the backend keeps no results. */
  static async load(backend: Backend, id: string): Promise<TaskResult> {
    return new TaskResult(backend, await readRecord(backend, id));
  }

  /**
   * The task as it was enqueued, with its priority, queue and due time.
   *
   * @throws TaskDoesNotExist when its code is gone; everything else stays readable.
   */
  get task(): Task<never, T> {
    const task = registeredTasks().get(this.taskName);
    if (task === undefined) throw new TaskDoesNotExist(this.taskName);
    const { queueName, priority, backend, runAfter, metadata } = this;
    return task.using({ queueName, priority, backend, runAfter, metadata }) as Task<never, T>;
  }

  /** Where it stands, in finer words than the status; for people. */
  get state(): TaskState {
    return taskState(this.#record, this.#backend.now());
  }

  /** The status is SUCCESSFUL or FAILED. */
  get isFinished(): boolean {
    return isFinished(this.status);
  }

  /**
   * What the task returned, after its way through JSON; `undefined` became `null`.
   *
   * @throws TaskFailed "Task failed"; TaskNotFinished "Task has not finished yet".
   */
  get returnValue(): T {
    if (this.status === "SUCCESSFUL") return this.#record.returnValue as T;
    if (this.status === "FAILED") throw new TaskFailed({ cause: this.errors.at(-1) });
    throw new TaskNotFinished();
  }

  /** Loads the present state into this object. @throws TaskResultDoesNotExist when it was pruned; NotSupported. */
  async refresh(): Promise<this> {
    this.#show(await readRecord(this.#backend, this.id));
    return this;
  }

  /**
   * Resolves with this object, refreshed, when the task is finished.
   *
   * @throws WaitTimeout; the signal's reason; TaskResultDoesNotExist when it is pruned meanwhile; NotSupported.
   */
  async wait(options: WaitOptions = {}): Promise<this> {
    if (this.isFinished) return this;
    // Loaded on demand: programs that only enqueue never need it.
    const { waitForResult } = await import("./wait-for-result.ts");
    await waitForResult(this, this.#backend, options);
    return this;
  }

  /**
   * Cancels the task: a waiting one at once, a running one through its `signal` within a second. This object does not change until `refresh()`.
   *
   * @returns `false` when it was already finished.
   * @throws TaskResultDoesNotExist; NotSupported.
   */
  async cancel(): Promise<boolean> {
    if (!this.#backend.supports.cancel) {
      throw new NotSupported("This backend does not support cancelling tasks.");
    }
    return this.#backend.cancel(this.id);
  }

  /** Two results are equal when id, status and latest attempt agree. */
  equals(other: TaskResult): boolean {
    return (
      this.id === other.id &&
      this.status === other.status &&
      this.lastAttemptedAt?.getTime() === other.lastAttemptedAt?.getTime()
    );
  }

  /** Plain data; times as ISO text. */
  toJSON(): TaskResultJson {
    const { state } = this;
    const { returnValue } = this.#record;
    return JSON.parse(
      JSON.stringify(Object.assign({}, this, { state, returnValue })),
    ) as TaskResultJson;
  }

  #show(record: TaskRecord): void {
    this.#record = record;
    show(this, record);
  }
}

/** The fields that a refresh replaces; readonly for everyone else. */
type Shown = {
  -readonly [
    Field in
      | "args"
      | "queueName"
      | "priority"
      | "status"
      | "runAfter"
      | "metadata"
      | "enqueuedAt"
      | "startedAt"
      | "lastAttemptedAt"
      | "finishedAt"
      | "errors"
      | "errorsOmitted"
      | "workerIds"
      | "attempts"
      | "progress"
      | "logs"
  ]: TaskResult[Field];
};

/** Field by field: this runs for every enqueued task, and copying from an object made for it costs several times as much. */
function show(shown: Shown, record: TaskRecord): void {
  shown.args = record.args;
  shown.queueName = record.queueName;
  shown.priority = record.priority;
  shown.status = record.status;
  shown.runAfter = record.runAfter;
  shown.metadata = record.metadata;
  shown.enqueuedAt = record.enqueuedAt;
  shown.startedAt = record.startedAt;
  shown.lastAttemptedAt = record.lastAttemptedAt;
  shown.finishedAt = record.finishedAt;
  shown.errors = record.errors;
  shown.errorsOmitted = record.errorsOmitted;
  shown.workerIds = record.workerIds;
  shown.attempts = record.attempts;
  shown.progress = record.progress;
  shown.logs = record.logs;
}

async function readRecord(backend: Backend, id: string): Promise<TaskRecord> {
  if (!backend.supports.getResult) {
    throw new NotSupported("This backend does not support retrieving or refreshing results.");
  }
  const record = await backend.readRecord(id);
  if (record === undefined) throw new TaskResultDoesNotExist(id);
  return record;
}
