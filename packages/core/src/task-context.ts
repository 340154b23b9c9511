import type { Backend } from "./backend.ts";
import { NotSupported } from "./errors.ts";
import { inspectValue } from "./internal/inspect-value.ts";
import { encodeJson, type JsonObject, type JsonValue } from "./json.ts";
import { log } from "./log.ts";
import { boundedText } from "./redact.ts";
import type { TaskLogEntry, TaskLogLevel, TaskRecord } from "./task-record.ts";
import { TaskResult } from "./task-result.ts";
import type { AttemptChanges } from "./worker/worker-store.ts";

/** Most log lines kept with one result; the oldest go first. */
const MAX_LOG_ENTRIES = 200;
/** Longest kept log line, in characters. */
const MAX_LOG_LENGTH = 2000;

/** Writes lines that are kept with the result where the backend supports it, and go to the framework's log everywhere. */
export interface TaskLog {
  /** What happened. */
  info(...parts: readonly unknown[]): void;
  /** What somebody should look at some time. */
  warn(...parts: readonly unknown[]): void;
  /** What went wrong. */
  error(...parts: readonly unknown[]): void;
}

/** What a running task knows of itself. */
export interface TaskContext {
  /** Snapshot of the result when the attempt began. */
  readonly taskResult: TaskResult;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** Fires on cancel, timeout, a lost lease and the shutdown deadline; its reason is a `TaskCancelled`, `TaskTimeout`, `TaskLost` or `WorkerStopping`. */
  readonly signal: AbortSignal;
  /** The task's metadata. Changes made to it are stored when the attempt ends, or by `saveMetadata()`. */
  readonly metadata: Record<string, JsonValue>;
  /** The metadata differs from what is stored. */
  readonly metadataModified: boolean;
  /** Stores changed metadata now. @throws TypeError for what is not JSON; PayloadTooLarge; NotSupported. */
  saveMetadata(): Promise<void>;
  /**
   * Stores how far the task is: any JSON value. Resolves when it is stored.
   *
   * @throws TypeError for what is not JSON; PayloadTooLarge; NotSupported.
   */
  setProgress(value: unknown): Promise<void>;
  /** Writes lines that are kept with the result. */
  readonly log: TaskLog;
}

/** Where a context stores what changes while the task runs; without it everything waits for the attempt's end. */
export type StoreChanges = (changes: AttemptChanges) => Promise<void>;

/** The context of one attempt, and the collector of what the attempt changes. */
export class AttemptContext implements TaskContext {
  readonly attempt: number;
  readonly #backend: Backend;
  readonly #readRecord: () => TaskRecord;
  readonly #readSignal: () => AbortSignal;
  readonly #store: StoreChanges | undefined;
  #result: TaskResult | undefined;
  #metadata: Record<string, JsonValue> | undefined;
  #storedMetadataJson = "{}";
  #progress: JsonValue | undefined;
  #logs: readonly TaskLogEntry[] | undefined;

  constructor(
    backend: Backend,
    attempt: number,
    readRecord: () => TaskRecord,
    readSignal: () => AbortSignal,
    store?: StoreChanges,
  ) {
    this.#backend = backend;
    this.attempt = attempt;
    this.#readRecord = readRecord;
    this.#readSignal = readSignal;
    this.#store = store;
  }

  get taskResult(): TaskResult {
    this.#result ??= new TaskResult(this.#backend, this.#readRecord());
    return this.#result;
  }

  get signal(): AbortSignal {
    return this.#readSignal();
  }

  get metadata(): Record<string, JsonValue> {
    if (this.#metadata === undefined) {
      this.#storedMetadataJson = JSON.stringify(this.taskResult.metadata);
      this.#metadata = JSON.parse(this.#storedMetadataJson) as Record<string, JsonValue>;
    }
    return this.#metadata;
  }

  get metadataModified(): boolean {
    return this.#changedMetadata() !== undefined;
  }

  async saveMetadata(): Promise<void> {
    if (!this.#backend.supports.metadata) {
      throw new NotSupported("This backend does not support saving metadata.");
    }
    const metadata = this.#changedMetadata();
    if (metadata === undefined) return;
    await this.#store?.({ metadata });
    this.#storedMetadataJson = JSON.stringify(metadata);
    this.#savedMetadata = metadata;
  }
  #savedMetadata: JsonObject | undefined;

  async setProgress(value: unknown): Promise<void> {
    if (!this.#backend.supports.progress) {
      throw new NotSupported("This backend does not support progress.");
    }
    const { maxPayloadBytes } = this.#backend.supports;
    const progress = encodeJson(value, "progress", maxPayloadBytes).value;
    this.#progress = progress;
    await this.#store?.({ progress });
  }

  get log(): TaskLog {
    return {
      info: (...parts) => this.#write("info", parts),
      warn: (...parts) => this.#write("warn", parts),
      error: (...parts) => this.#write("error", parts),
    };
  }

  /**
   * What the attempt changed, to be stored with its end; `null` when nothing.
   *
   * @throws TypeError when the metadata no longer is JSON.
   */
  changes(): AttemptChanges | null {
    const metadata = this.#changedMetadata() ?? this.#savedMetadata;
    const changes: AttemptChanges = {
      ...(this.#progress === undefined ? {} : { progress: this.#progress }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(this.#logs === undefined ? {} : { logs: this.#logs }),
    };
    return Object.keys(changes).length === 0 ? null : changes;
  }

  /** `changes()` without metadata that cannot be stored. */
  storableChanges(): AttemptChanges | null {
    this.#metadata = this.#savedMetadata === undefined ? undefined : { ...this.#savedMetadata };
    return this.changes();
  }

  #changedMetadata(): JsonObject | undefined {
    if (this.#metadata === undefined) return undefined;
    const { maxPayloadBytes } = this.#backend.supports;
    const { value, json } = encodeJson(this.#metadata, "metadata", maxPayloadBytes);
    return json === this.#storedMetadataJson ? undefined : (value as JsonObject);
  }

  #write(level: TaskLogLevel, parts: readonly unknown[]): void {
    const message = boundedText(parts.map(toText).join(" "), MAX_LOG_LENGTH);
    const { id, taskName } = this.taskResult;
    // Named in front, so that no text of a task can pass for what the framework says of another.
    log(level, `Task id=${id} path=${taskName}: ${message}`, { taskId: id });
    if (!this.#backend.supports.logs) return;
    const entry = { level, message, attempt: this.attempt, loggedAt: this.#backend.now() };
    const earlier = this.#logs ?? this.taskResult.logs;
    this.#logs = [...earlier.slice(1 - MAX_LOG_ENTRIES), entry];
  }
}

function toText(part: unknown): string {
  return typeof part === "string" ? part : inspectValue(part);
}
