import type { Backend } from "../backend.ts";
import { TaskCancelled, TaskLost, WorkerStopping } from "../errors.ts";
import { captureContext, type AsyncScope } from "../internal/async-scope.ts";
import { Fifo } from "../internal/fifo.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import { logRetry } from "../log-retry.ts";
import { log } from "../log.ts";
import { AttemptControl, runAttempt, type AttemptEnd } from "../run-attempt.ts";
import {
  announceFinished,
  announceStarted,
  isFinishedAnnounced,
  isStartedAnnounced,
} from "../signals.ts";
import { toTaskError } from "../task-error.ts";
import { settle } from "../transitions.ts";
import { AttemptStarts } from "./attempt-starts.ts";
import { takeAhead, type ClaimedAhead } from "./claimed-ahead.ts";
import { CompletionWriter } from "./completion-writer.ts";
import type { Outage } from "./outage.ts";
import { Prefetch } from "./prefetch.ts";
import type {
  AttemptRef,
  ClaimedTask,
  Completion,
  CompletionAnswer,
  WorkerSession,
  WorkerStore,
} from "./worker-store.ts";

/** How often attempts are checked for cancellation, loss and pauses, in milliseconds. */
export const CHECK_EVERY_MS = 250;
/** Attempts younger than this are not checked for cancellation and loss, in milliseconds. */
const YOUNG_MS = 125;
/** Completions that may wait for a slow store before no more attempts begin. */
const MOST_PENDING = 2000;
/**
 * An attempt begins this long after the store was asked about it, in milliseconds: later, its queue
 * may have been paused, or the attempt cancelled or lost, while the event loop was blocked.
 */
const CONFIRMED_MS = 200;
/** How often the store is asked again when its answer comes too late for that, as after a stall; then it is slow, and the last answer holds. */
const MAX_ASKS = 3;

/** An attempt this worker holds: waiting for a slot, or running. */
interface Held {
  readonly claimed: ClaimedTask;
  readonly control: AttemptControl;
  readonly claimedAtMs: number;
  /** When the store was asked last whether it may run, by the claim or by a check. */
  askedAtMs: number;
  /** When the store's answer to that arrived. */
  confirmedAtMs: number;
  /** The claim it came with, where the lease thread watches that, and its index in it. */
  readonly ahead: ClaimedAhead | undefined;
  readonly index: number;
}

/** What a pool tells its worker. */
export interface AttemptPoolHost {
  /** A slot became free, or the store caught up. */
  readonly onChange: () => void;
  /** Shares newly claimed tasks with the lease thread, if there is one. */
  readonly watch?: (claimed: readonly ClaimedTask[]) => ClaimedAhead | undefined;
}

/** A completion that remembers its claim. */
interface EndedAttempt extends Completion {
  readonly claimed: ClaimedTask;
}

/** The attempts a worker holds: those that run, those claimed ahead that wait for a slot, and the completions on their way to the store. */
export class AttemptPool {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  readonly #host: AttemptPoolHost;
  readonly #completions: CompletionWriter<EndedAttempt>;
  readonly #starts: AttemptStarts;
  readonly #prefetch = new Prefetch();
  readonly #running = new Set<Held>();
  readonly #waiting = new Fifo<Held>();
  /** Every attempt and every announcement starts from the context of `start()`, whichever attempt came before. */
  #inContext: AsyncScope = captureContext();
  #started = 0;
  #mayStart = true;
  #isConfirming = false;
  /** Tasks were given back, by this thread or by the lease thread. */
  #hasGivenBack = false;
  /** What the store was asked about until then has to be asked again before it begins. */
  #doubtedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    backend: Backend,
    store: WorkerStore,
    session: WorkerSession,
    outage: Outage,
    host: AttemptPoolHost,
  ) {
    this.#backend = backend;
    this.#store = store;
    this.#session = session;
    this.#host = host;
    this.#starts = new AttemptStarts(store, outage);
    this.#completions = new CompletionWriter(store, outage, (ended, answer) =>
      this.#onCompleted(ended, answer),
    );
  }

  /** Attempts run in the async context of this call. */
  start(): void {
    this.#inContext = captureContext();
  }

  /** Nothing runs and nothing waits. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  /** Outcomes are still on their way to the store. */
  get hasPendingCompletions(): boolean {
    return this.#completions.size > 0;
  }

  /** Attempts begun so far. */
  get started(): number {
    return this.#started;
  }

  /** How many tasks to claim now: the free slots, and some ahead while tasks are short. 0 while enough are held. */
  wanted(): number {
    if (this.#completions.size > MOST_PENDING) return 0;
    const { concurrency } = this.#session;
    const ahead = this.#prefetch.size(concurrency);
    const held = this.#running.size + this.#waiting.size;
    // A claim is worth most when it brings many: with tasks ahead, wait until half of them are used up.
    const isEnough = held >= concurrency && held > concurrency + ahead / 2 - 1;
    return isEnough ? 0 : concurrency + ahead - held;
  }

  /** Tasks were given back. They come before what a claim would give: take them back before it. */
  get hasGivenBack(): boolean {
    return this.#hasGivenBack;
  }

  /** Resolves when the store knows of all that was given back. */
  async givenBack(): Promise<void> {
    this.#hasGivenBack = false;
    await this.#completions.flushed();
  }

  /** How many more attempts may begin under a limit of `maxTasks`. */
  left(maxTasks: number): number {
    return maxTasks - this.#started - this.#waiting.size;
  }

  /**
   * Takes newly claimed tasks, of which `limit` were asked for, and starts as many as there are slots.
   *
   * @param askedAtMs when the claim was sent.
   */
  add(claimed: readonly ClaimedTask[], limit: number, askedAtMs: number = monotonicNow()): void {
    this.#prefetch.claimed(claimed.length, limit);
    const claimedAtMs = monotonicNow();
    this.#loseOlder(claimed);
    const isAhead =
      this.#running.size + this.#waiting.size + claimed.length > this.#session.concurrency;
    const ahead = isAhead ? this.#host.watch?.(claimed) : undefined;
    for (const [index, task] of claimed.entries()) {
      const control = new AttemptControl();
      const confirmedAtMs = claimedAtMs;
      const times = { claimedAtMs, askedAtMs, confirmedAtMs };
      this.#waiting.push({ claimed: task, control, ...times, ahead, index });
    }
    if (this.#mayStart) this.#fillSlots();
    else this.handBack(0);
  }

  /** What can be claimed again has been lost before: older attempts of the same results, which this worker may still hold. */
  #loseOlder(claimed: readonly ClaimedTask[]): void {
    if (this.isIdle) return;
    const ids = new Set(claimed.map(({ id }) => id));
    const isOlder = (held: Held): boolean => ids.has(held.claimed.id);
    for (const held of this.#running) if (isOlder(held)) lose(held);
    const waiting = this.#waiting.takeAll();
    for (const held of waiting) if (!isOlder(held)) this.#waiting.push(held);
  }

  /** Checks all attempts that are not young. Resolves with `false` when there was nothing to ask. */
  async check(): Promise<boolean> {
    const oldEnough = monotonicNow() - YOUNG_MS;
    const held = [...this.#running, ...this.#waiting.items()].filter(
      ({ claimedAtMs, control }) => claimedAtMs < oldEnough && control.reason === undefined,
    );
    if (held.length === 0) return false;
    await this.#check(held);
    return true;
  }

  /** A queue was paused just now: nothing begins any more that the store was asked about before, also not what a claim under way brings. */
  async recheckWaiting(): Promise<void> {
    this.#doubtedAtMs = monotonicNow();
    await this.#checkWaiting();
  }

  async #checkWaiting(): Promise<void> {
    const waiting = this.#waiting.items();
    if (waiting.length > 0) await this.#check(waiting);
  }

  /** Gives back what was claimed ahead when it waits longer than this for a slot, in milliseconds. */
  handBack(olderThanMs: number): void {
    const oldest = this.#waiting.peek();
    if (oldest === undefined || monotonicNow() - oldest.claimedAtMs < olderThanMs) return;
    const waiting = this.#waiting.takeAll();
    // Those whose turn it is begin as soon as the store has confirmed them.
    const slots = this.#mayStart ? this.#session.concurrency - this.#running.size : 0;
    for (const held of waiting.slice(0, slots)) this.#waiting.push(held);
    if (waiting.length <= slots) return;
    this.#prefetch.reset();
    this.#hasGivenBack = true;
    for (const held of waiting.slice(slots)) this.#release(held);
    this.#host.onChange();
  }

  /** No attempt begins any more; what waits is given back. */
  stopStarting(): void {
    this.#mayStart = false;
    this.handBack(0);
  }

  /** Tells running attempts that the worker stops. */
  abortRunning(): void {
    for (const { control } of this.#running) control.abort(new WorkerStopping());
  }

  /** Gives running attempts back; how they end no longer counts. */
  releaseRunning(): void {
    const running = [...this.#running];
    this.#running.clear();
    for (const held of running) {
      const { id, taskName } = held.claimed;
      log("info", `Task id=${id} path=${taskName} released by worker ${this.#session.workerId}`, {
        taskId: id,
      });
      this.#release(held);
    }
  }

  /** Resolves when every outcome is durable, or was given up. */
  async flushed(): Promise<void> {
    await this.#completions.flushed();
  }

  /** Stops trying to store outcomes: they will be recovered as lost attempts. */
  giveUp(): void {
    this.#completions.giveUp();
  }

  /** @param isConfirmed the store was asked about all that waits just now, however long its answer took. */
  #fillSlots(isConfirmed = false): void {
    if (!this.#mayStart || this.#completions.size > MOST_PENDING) return;
    while (this.#running.size < this.#session.concurrency) {
      const held = this.#waiting.peek();
      if (held === undefined) return;
      // Read again for each: a task may block the event loop before it gives way.
      const isDoubted = held.askedAtMs <= this.#doubtedAtMs;
      const knownAtMs = isConfirmed ? held.confirmedAtMs : held.askedAtMs;
      if (isDoubted || monotonicNow() - knownAtMs > CONFIRMED_MS) {
        void this.#confirmWaiting();
        return;
      }
      this.#waiting.take();
      if (!take(held)) {
        this.#hasGivenBack = true;
        this.#release(held);
        continue;
      }
      this.#started++;
      this.#running.add(held);
      void this.#inContext(() => this.#run(held));
    }
  }

  /** Asks the store about attempts, tells those that were cancelled or lost, and gives back what waits in a queue that was paused. */
  async #check(held: readonly Held[]): Promise<void> {
    const attempts = held.map(({ claimed }) => this.#refOf(claimed));
    const askedAtMs = monotonicNow();
    const { cancelled, lost, paused } = await this.#store.checkAttempts(this.#session, attempts);
    const confirmedAtMs = monotonicNow();
    for (const attempt of held) Object.assign(attempt, { askedAtMs, confirmedAtMs });
    const byId = new Map(held.map((attempt) => [attempt.claimed.id, attempt]));
    for (const id of cancelled) byId.get(id)?.control.abort(new TaskCancelled());
    for (const id of lost) lose(byId.get(id));
    const isPaused = new Set(paused?.map((id) => byId.get(id)));
    for (const waiting of this.#waiting.takeAll()) {
      if (isLost(waiting.control)) {
        this.#hasGivenBack = true;
        continue;
      }
      if (isPaused.has(waiting)) this.#release(waiting);
      else this.#waiting.push(waiting);
    }
  }

  /** What waits has waited for so long that the store has to be asked before it begins. */
  async #confirmWaiting(): Promise<void> {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    try {
      for (let asks = 1; asks <= MAX_ASKS; asks++) {
        const askedAtMs = monotonicNow();
        await this.#checkWaiting();
        if (monotonicNow() - askedAtMs <= CONFIRMED_MS) break;
      }
    } catch (error) {
      // The store is away: the first worker that reaches it may run them.
      log("debug", `Worker ${this.#session.workerId} could not check on waiting tasks.`, { error });
      for (const held of this.#waiting.takeAll()) this.#release(held);
    } finally {
      this.#isConfirming = false;
    }
    this.#fillSlots(true);
    this.#host.onChange();
  }

  async #run(held: Held): Promise<void> {
    const { claimed, control, claimedAtMs } = held;
    const startedAtMs = monotonicNow();
    this.#prefetch.waited(startedAtMs - claimedAtMs);
    const end = await this.#attempt(claimed, control);
    this.#prefetch.ended(monotonicNow() - startedAtMs);
    // Released by the shutdown meanwhile: nobody waits for it any more.
    if (!this.#running.delete(held)) return;
    if (isLost(control)) this.#reportLost(claimed.id);
    else this.#complete({ ...this.#refOf(claimed), claimed, ...end });
    this.#fillSlots();
    this.#host.onChange();
  }

  /** The writer that this may start goes on with other attempts. */
  #complete(ended: EndedAttempt): void {
    this.#inContext(() => this.#completions.add(ended));
  }

  /** Never rejects: whatever goes wrong around the task's function costs this attempt, and neither its slot nor the tasks beside it. */
  async #attempt(claimed: ClaimedTask, control: AttemptControl): Promise<AttemptEnd> {
    const ref = this.#refOf(claimed);
    const { id } = ref;
    const { workerId } = this.#session;
    try {
      if (claimed.holdsKey === true) await this.#starts.add(ref, control.signal);
      if (isStartedAnnounced()) await announceStarted(this.#backend, claimed.record());
      return await runAttempt(claimed, { backend: this.#backend, workerId }, control, (changes) =>
        this.#store.update([{ ...changes, ...ref }]),
      );
    } catch (error) {
      log("error", `Task id=${id} could not be run by worker ${workerId}.`, { taskId: id, error });
      const occurredAt = this.#backend.now();
      const outcome = {
        type: "failed",
        error: toTaskError(error, { attempt: 0, workerId, occurredAt }),
      } as const;
      return { outcome, changes: null, cancelled: false };
    }
  }

  /** Also what the lease thread took: it may not have stored that. */
  #release(held: Held): void {
    const { claimed, control } = held;
    if (isLost(control)) return;
    take(held);
    const outcome = { type: "release" } as const;
    const ref = this.#refOf(claimed);
    this.#complete({ ...ref, claimed, outcome, changes: null, cancelled: false });
  }

  #refOf({ id, fence }: ClaimedTask): AttemptRef {
    return { id, fence, sessionId: this.#session.sessionId };
  }

  #onCompleted(ended: EndedAttempt, answer: CompletionAnswer | undefined): void {
    // What was given back had no outcome yet.
    if (answer === "lost" && ended.outcome.type !== "release") this.#reportLost(ended.id);
    if (answer === "recorded" || answer === "cancelled") this.#announce(ended, answer);
    if (this.#completions.size === 0 || this.#completions.size === MOST_PENDING) {
      this.#fillSlots();
      this.#host.onChange();
    }
  }

  #announce(ended: EndedAttempt, answer: CompletionAnswer): void {
    const { outcome, claimed } = ended;
    const { type } = outcome;
    if (type === "retry" && answer === "recorded") logRetry(claimed, outcome);
    const isFinal = type === "successful" || type === "failed" || answer === "cancelled";
    if (!isFinal) return;
    if (type === "successful" && answer === "recorded" && !isFinishedAnnounced()) return;
    const cancelRequested = answer === "cancelled" || ended.cancelled;
    const running = { ...claimed.record(), cancelRequested };
    const { record } = settle(running, ended, this.#backend.now());
    void this.#inContext(() => announceFinished(this.#backend, record));
  }

  #reportLost(id: string): void {
    const { workerId } = this.#session;
    log("warn", `Task id=${id} was lost by worker ${workerId}; its outcome was not recorded.`, {
      taskId: id,
    });
  }
}

/** Takes an attempt for this thread. `false` when the lease thread took it before. */
function take({ ahead, index }: Held): boolean {
  return ahead === undefined || takeAhead(ahead, index);
}

function lose(held: Held | undefined): void {
  if (held === undefined) return;
  const { id } = held.claimed;
  held.control.abort(new TaskLost(`The lease on task ${id} ran out; it may be running elsewhere.`));
}

function isLost({ reason }: AttemptControl): boolean {
  return reason instanceof TaskLost;
}
