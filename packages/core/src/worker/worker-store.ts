import type { JsonObject, JsonValue } from "../json.ts";
import type { TaskError, TaskLogEntry, TaskRecord } from "../task-record.ts";

/** Who claims. One session is one `run()` of a worker; its id is unique, the worker's id need not be. */
export interface WorkerSession {
  /** Unique for ever. The lease belongs to it. */
  readonly sessionId: string;
  readonly workerId: string;
  readonly queueNames: readonly string[];
  readonly concurrency: number;
  /** How long the lease lasts without a heartbeat, in milliseconds. */
  readonly leaseMs: number;
}

/** Which tasks to claim. */
export interface ClaimRequest {
  readonly session: WorkerSession;
  /** At most this many. */
  readonly limit: number;
  /** Queues to serve; `["*"]` for all. */
  readonly queueNames: readonly string[];
  /** Queues to leave out. */
  readonly excludeQueues: readonly string[];
  /** Tasks registered in this process; rows of other tasks stay as they are. */
  readonly taskNames: readonly string[];
  /** Only this result, due or not. */
  readonly id?: string | undefined;
}

/**
 * Names one attempt. The fence alone does not: a store that lost its last writes, as after a failover to an asynchronous replica or from a backup, may
 * give the same fence to another session. A write for an attempt must match all three.
 */
export interface AttemptRef {
  readonly id: string;
  /** The fence that the claim returned. */
  readonly fence: number;
  /** The session that claimed. A worker always names it. @default the session that registered, where a store serves only one */
  readonly sessionId?: string | undefined;
}

/** One claimed task: the right to run one attempt. */
export interface ClaimedTask {
  readonly id: string;
  /** Grows with every claim of this result; given back with the completion. */
  readonly fence: number;
  readonly taskName: string;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
  /** The result holds a unique key of the scope `until-started`: `start()` is called before its function. */
  readonly holdsKey?: boolean | undefined;
  /** Decodes the arguments, fresh on every call. May throw when the stored row is damaged: the attempt then fails, and nobody else is harmed. */
  args(): readonly JsonValue[];
  /** The record as it stands after the claim: RUNNING, this worker among `workerIds`. Must not throw. */
  record(): TaskRecord;
}

/**
 * How an attempt ended. The set is closed.
 *
 * - `successful`, `failed`: final. `failed` also stands for cancelled, timed out and discarded: the error's class tells.
 * - `retry`: failed, and READY again after `delayMs`; counts toward `maxAttempts`.
 * - `snooze`: READY again after `delayMs`; leaves no attempt behind.
 * - `release`: READY again at once, with its old due time; leaves no attempt behind.
 */
export type AttemptOutcome =
  | {
      readonly type: "successful";
      readonly returnValue: JsonValue;
      readonly returnValueJson: string;
    }
  | { readonly type: "failed"; readonly error: TaskError }
  | { readonly type: "retry"; readonly error: TaskError; readonly delayMs: number }
  | { readonly type: "snooze"; readonly delayMs: number }
  | { readonly type: "release" };

/** Something a running attempt changed about its result; only the fields that are present change. */
export interface AttemptChanges {
  readonly progress?: JsonValue | undefined;
  readonly metadata?: JsonObject | undefined;
  /** All lines of the result, earlier attempts included. */
  readonly logs?: readonly TaskLogEntry[] | undefined;
}

/** A change to store while the attempt goes on. */
export interface AttemptUpdate extends AttemptChanges, AttemptRef {}

/** An attempt's end, to be stored if the result still belongs to the attempt. */
export interface Completion extends AttemptRef {
  readonly outcome: AttemptOutcome;
  readonly changes: AttemptChanges | null;
  /** The worker saw the cancel request and made `outcome` a failure with `TaskCancelled` itself. */
  readonly cancelled: boolean;
}

/**
 * What became of a completion.
 *
 * - `recorded`: stored.
 * - `cancelled`: someone had asked to cancel, which the worker had not seen: stored as FAILED with `TaskCancelled` instead.
 * - `lost`: the attempt belongs to someone else, or the row is gone; nothing was stored.
 */
export type CompletionAnswer = "recorded" | "cancelled" | "lost";

/** What `checkAttempts` found out; attempts that are neither are not listed. */
export interface AttemptChecks {
  /** Ids whose cancellation was asked for. */
  readonly cancelled: readonly string[];
  /** Ids this session no longer owns. */
  readonly lost: readonly string[];
  /** Ids whose queue is paused. Needed where `supports.pause` is declared: those that have not begun are given back. */
  readonly paused?: readonly string[] | undefined;
}

/** What the worker loop needs of a thread. A `Worker` of "worker_threads" is one. */
export interface Thread {
  on(event: "message", listener: (message: unknown) => void): unknown;
  once(event: "error" | "exit", listener: (reason: unknown) => void): unknown;
  postMessage(message: unknown): void;
  terminate(): Promise<unknown>;
  unref(): void;
}

/** Renews a lease from a thread of its own, so that a task that computes for a minute does not lose it. */
export interface LeaseThread {
  /**
   * Starts the thread: `(options) => new Worker(new URL("./lease.js", import.meta.url), options)`, with `Worker` of "worker_threads". Bundlers that know
   * this form build the file too, if it is written out like this. May throw: then a timer renews the lease. Pass all options on: `execArgv` replaces
   * Node's options that a thread cannot inherit. @default the options of this process
   *
   * The file calls `keepLease(openLease)` of `@tasks/core/lease-thread`. It starts the faster the less it imports: a connection and one statement are enough.
   */
  start(options: { readonly workerData: unknown; readonly execArgv?: string[] }): Thread;
  /** Structured-cloneable. Handed to `openLease`. */
  readonly data: unknown;
}

/** What `openLease` of a lease thread opens. */
export interface Lease {
  /** Extends the session's lease from now, by the store's clock. */
  renew(): Promise<void> | void;
  /**
   * Hands attempts of this session over to `givenBackBy(sessionId)`, conditional on each fence and
   * session: they were claimed ahead, have not begun, and cannot while a task blocks the main
   * thread. Without it they wait until that task is over.
   */
  giveBack?(
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<void> | void;
  close(): Promise<void> | void;
}

/**
 * What the worker loop needs of a store. Write these few methods and `QueueWorker` does the rest: concurrency, heartbeats, recovery, retries, batches,
 * graceful stop, outages.
 *
 * Any method may reject with `BackendUnavailable` while the store is out of reach: the loop backs off and calls again. Any other error of `complete` is
 * taken to be about the data: the loop tries the completions one by one and gives up on the one that cannot be stored. Every method must be safe to
 * repeat.
 */
export interface WorkerStore {
  /** Announces a session and grants its first lease. */
  register(session: WorkerSession): Promise<void>;

  /**
   * Claims ready tasks: priority descending, then due time (`runAfter`, else enqueue time) ascending, then enqueue order. Atomic: no task is given to two sessions.
   * Applies `transitions.claim` to each. Grants the session a full lease when half of the last
   * one or more is used up, also when it is over: what a worker claims after a pause must not count as lost at once.
   */
  claim(request: ClaimRequest): Promise<readonly ClaimedTask[]>;

  /**
   * Frees the unique keys of attempts whose functions are about to be called; conditional on each fence and session. Called for attempts with `holdsKey`
   * only. A claim frees no key: a task that is claimed ahead and released, or lost before its start, has not started. For stores that support `unique`.
   */
  start?(attempts: readonly AttemptRef[]): Promise<void>;

  /**
   * Stores outcomes, in one round trip if possible; conditional on each fence and session. The answers are in the order of the completions. Applies
   * `transitions.settle`. What was stored before and is brought again, because its answer was lost, is `recorded`: see `transitions.answerRepeated`.
   */
  complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]>;

  /** Stores progress, metadata and logs of running attempts; conditional on each fence and session. */
  update(updates: readonly AttemptUpdate[]): Promise<void>;

  /**
   * Extends the session's lease, and brings it back when it had run out: what others recovered meanwhile is safe behind its fence. Never called after
   * `unregister`; a renewal that was on its way then brings nothing back. Where `leaseThread` is given, called only while that thread has not renewed the
   * lease for a third of its length.
   */
  renewLease(session: WorkerSession): Promise<void>;

  /** How to renew the lease from a thread; without it a timer in the main thread does, which a busy event loop delays. */
  leaseThread?(session: WorkerSession): LeaseThread | undefined;

  /**
   * Looks up attempts of this session: is a cancellation asked for, is one no longer ours, is its queue paused? Called about four times a second while
   * tasks run, and before an attempt begins that has waited.
   */
  checkAttempts(
    session: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks>;

  /**
   * Finds RUNNING results of dead sessions and applies `transitions.lose` to each, in batches; where leases have `giveBack`, `recover`. Resolves with those that ended FAILED.
   *
   * `SessionWatch` says which sessions are dead. The store checks each heartbeat again in the step that changes the results, and spares a session that has
   * renewed since. Every worker calls it twice a second, or ten times in a lease if that is more often; most calls find nothing and must be cheap. A task
   * that is claimed during the call must not look lost: a store that cannot read both at one moment reads the tasks first, then the sessions.
   */
  recoverLost(session: WorkerSession): Promise<readonly TaskRecord[]>;

  /**
   * Resolves when there may be work for the request, or after `maxMs`, or when the signal fires; at once when work arrived after the session's last
   * claim. Without it the loop is woken by a timer only. Spurious wake-ups are fine; a missed one costs up to `intervalMs`.
   */
  waitForWork?(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void>;

  /** Names of due tasks in the request's queues that are not among its `taskNames`: at most ten, for a warning. */
  unknownTasks(request: ClaimRequest): Promise<readonly string[]>;

  /** Ends a session. Its attempts have been completed or released before; what it holds all the same is lost at once. */
  unregister(session: WorkerSession): Promise<void>;
}
