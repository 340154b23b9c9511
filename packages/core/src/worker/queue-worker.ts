import { setImmediate as nextTurn } from "node:timers/promises";

import type { Backend, Worker, WorkerOptions } from "../backend.ts";
import { TaskCancelled, TaskLost, TasksError, WorkerStopping } from "../errors.ts";
import { createId } from "../ids.ts";
import { sleep } from "../internal/sleep.ts";
import { log } from "../log.ts";
import { registeredTasks } from "../registry.ts";
import { AttemptControl, runAttempt } from "../run-attempt.ts";
import { announceFinished, announceStarted, isAnnounced } from "../signals.ts";
import { settle } from "../transitions.ts";
import { CompletionWriter } from "./completion-writer.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Outage } from "./outage.ts";
import { Prefetch } from "./prefetch.ts";
import { resolveWorkerOptions, type ResolvedWorkerOptions } from "./worker-options.ts";
import type {
  ClaimedTask,
  ClaimRequest,
  Completion,
  CompletionAnswer,
  WorkerSession,
  WorkerStore,
} from "./worker-store.ts";

/** Options of `QueueWorker`: those of every worker, and the lease. */
export interface QueueWorkerOptions extends WorkerOptions {
  /** How long a lease lasts without a heartbeat, in milliseconds, from 100. @default 15000 */
  readonly leaseMs?: number | undefined;
}

/** How often running attempts are checked for cancellation and loss, in milliseconds; younger attempts are not. */
const CHECK_EVERY_MS = 250;
/** How often lost attempts of other workers are looked for, in milliseconds. */
const RECOVER_EVERY_MS = 1000;
/** Attempts claimed ahead go back to the queue when they waited this long, in milliseconds. */
const HAND_BACK_MS = 200;
/** Shortest pause between two looks for work, in milliseconds. */
const SHORTEST_LOOK_MS = 5;
/** How long attempts may take to end after the shutdown deadline fired their signals, in milliseconds. */
const ABORT_GRACE_MS = 200;
/** How long after the shutdown deadline a stopping worker still tries to reach its store, in milliseconds. */
const FAREWELL_MS = 250;
/** Completions that may wait for a slow store before no more attempts begin. */
const MOST_PENDING = 2000;
/** How often tasks that nobody here knows are warned of, in milliseconds. */
const WARN_UNKNOWN_EVERY_MS = 60_000;

/** An attempt this worker holds: waiting for a slot, or running. */
interface Held {
  readonly claimed: ClaimedTask;
  readonly control: AttemptControl;
  readonly claimedAtMs: number;
}

/**
 * The worker loop over any `WorkerStore`: claims, runs, completes, keeps the lease, recovers lost attempts, survives outages and stops gracefully.
 */
export class QueueWorker implements Worker {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #options: ResolvedWorkerOptions;
  readonly #session: WorkerSession;
  readonly #lease: LeaseKeeper;
  readonly #outage: Outage;
  readonly #completions: CompletionWriter;
  readonly #prefetch = new Prefetch();
  /** Claimed, waiting for a slot; first in, first out from `#bufferStart`. */
  #buffer: Held[] = [];
  readonly #running = new Map<string, Held>();
  readonly #stopping = new AbortController();
  #run: Promise<void> | undefined;
  #started = 0;
  #wake: (() => void) | undefined;
  #wasWoken = false;
  /** The last claim gave all it was asked for, or something happened since that may have brought work. */
  #mayHaveWork = true;
  #lastRecoveryMs = Number.NEGATIVE_INFINITY;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  /** @throws InvalidTask for bad options. */
  constructor(backend: Backend, store: WorkerStore, options: QueueWorkerOptions = {}) {
    const { leaseMs = 15_000, ...rest } = options;
    this.#options = resolveWorkerOptions(rest);
    this.#backend = backend;
    this.#store = store;
    this.#session = Object.freeze({
      sessionId: createId(),
      workerId: this.#options.workerId,
      queueNames: this.#options.queueNames,
      concurrency: this.#options.concurrency,
      leaseMs,
    });
    this.#lease = new LeaseKeeper(store, this.#session);
    this.#outage = new Outage(`Worker ${this.workerId}`);
    this.#completions = new CompletionWriter(store, this.#outage, (completion, answer) =>
      this.#onCompleted(completion, answer),
    );
  }

  get workerId(): string {
    return this.#options.workerId;
  }

  async run(): Promise<void> {
    if (this.#run !== undefined) {
      throw new TasksError("TASKS_WORKER_USED", "A worker runs once. Create another one.");
    }
    this.#run = this.#runOnce();
    return this.#run;
  }

  async stop(): Promise<void> {
    this.#deadline();
    this.#stopping.abort();
    this.#wakeUp();
    await this.#run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #runOnce(): Promise<void> {
    const { signal } = this.#stopping;
    if (this.#options.startupDelay) await sleep(Math.random() * this.#options.intervalMs, signal);
    if (!(await this.#persist("register", () => this.#store.register(this.#session)))) return;
    this.#lease.start();
    const timers = [
      every(CHECK_EVERY_MS, () => this.#checkAttempts()),
      every(RECOVER_EVERY_MS, () => this.#recoverLost()),
      every(HAND_BACK_MS / 2, async () => this.#handBack(HAND_BACK_MS)),
    ];
    try {
      await this.#loop();
      await this.#drain();
    } finally {
      for (const stopTimer of timers) stopTimer();
      await Promise.all([this.#lease.stop(), this.#farewell()]);
    }
  }

  // ── Claiming ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #loop(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#fillSlots();
      if (this.#mayHaveWork && this.#wanted() > 0) {
        await this.#claim();
        continue;
      }
      const isIdle = this.#running.size === 0 && this.#buffer.length === 0;
      if (isIdle && (await this.#isDone())) return;
      if (!(isIdle && this.#mayHaveWork)) await this.#waitForEvent();
    }
  }

  /** True when the worker has nothing left to do for good. */
  async #isDone(): Promise<boolean> {
    const { batch, maxTasks, workerId } = this.#options;
    if (this.#started >= maxTasks) {
      await this.#completions.flushed();
      log("info", `Run maximum tasks (${maxTasks}) on worker=${workerId} - exiting gracefully.`);
      return true;
    }
    if (!batch) return false;
    // A completion may make its own task ready again.
    if (this.#completions.size > 0) {
      await this.#completions.flushed();
      this.#mayHaveWork = true;
    }
    if (this.#mayHaveWork) return false;
    await this.#warnOfUnknownTasks();
    log("info", `No more tasks to run for worker_id=${workerId} - exiting gracefully.`);
    return true;
  }

  /** How many tasks to claim now: the free slots, and some ahead while tasks are short. */
  #wanted(): number {
    const { concurrency, maxTasks } = this.#options;
    if (this.#completions.size > MOST_PENDING) return 0;
    const ahead = this.#prefetch.size(concurrency);
    const held = this.#running.size + this.#buffer.length;
    // Half-full is full enough: claims are worth most when they bring many.
    if (held > concurrency + ahead / 2 - 1 && held >= concurrency) return 0;
    const left = maxTasks - this.#started - this.#buffer.length;
    return Math.min(concurrency + ahead - held, left);
  }

  async #claim(): Promise<void> {
    const limit = this.#wanted();
    const request = this.#claimRequest(limit);
    this.#mayHaveWork = false;
    this.#wasWoken = false;
    let claimed: readonly ClaimedTask[];
    try {
      claimed = await this.#store.claim(request);
      this.#outage.over();
    } catch (error) {
      this.#mayHaveWork = true;
      await this.#outage.pause("claim tasks", error, this.#stopping.signal);
      return;
    }
    this.#prefetch.claimed(claimed.length, limit);
    if (claimed.length === limit || this.#wasWoken) this.#mayHaveWork = true;
    const claimedAtMs = performance.now();
    for (const task of claimed) {
      this.#buffer.push({ claimed: task, control: new AttemptControl(), claimedAtMs });
    }
    // A store that answers synchronously and tasks that do too would otherwise keep timers and completions waiting.
    if (claimed.length > 0) await nextTurn();
  }

  #claimRequest(limit: number): ClaimRequest {
    return {
      session: this.#session,
      limit,
      queueNames: this.#options.queueNames,
      excludeQueues: this.#options.excludeQueues,
      taskNames: [...registeredTasks().keys()],
    };
  }

  /** Waits until an attempt ends, work may have arrived, or it is time to look again. */
  async #waitForEvent(): Promise<void> {
    if (this.#wasWoken) {
      this.#wasWoken = false;
      return;
    }
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const canClaim = !this.#mayHaveWork && this.#wanted() > 0;
    if (canClaim) {
      await this.#waitForWork(woken.signal);
      // Whether told or timed out: look again, unless only an attempt ended.
      if (!woken.signal.aborted) this.#mayHaveWork = true;
    } else {
      await new Promise<void>((resolve) => {
        woken.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.#wake = undefined;
    this.#wasWoken = false;
    if (performance.now() - this.#warnedAtMs > WARN_UNKNOWN_EVERY_MS) {
      await this.#warnOfUnknownTasks();
    }
  }

  async #waitForWork(woken: AbortSignal): Promise<void> {
    const maxMs = Math.max(SHORTEST_LOOK_MS, this.#options.intervalMs);
    if (this.#store.waitForWork === undefined) {
      await sleep(maxMs, woken);
      return;
    }
    try {
      await this.#store.waitForWork(this.#claimRequest(1), maxMs, woken);
    } catch (error) {
      await this.#outage.pause("wait for work", error, woken);
    }
  }

  #wakeUp(): void {
    this.#wasWoken = true;
    this.#wake?.();
  }

  // ── Attempts ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #fillSlots(): void {
    const free = this.#options.concurrency - this.#running.size;
    if (free <= 0 || this.#buffer.length === 0) return;
    if (this.#completions.size > MOST_PENDING) return;
    for (const held of this.#buffer.splice(0, free)) {
      this.#started++;
      this.#running.set(held.claimed.id, held);
      void this.#runAttempt(held);
    }
  }

  async #runAttempt({ claimed, control }: Held): Promise<void> {
    const startedAtMs = performance.now();
    const { id, fence } = claimed;
    if (isAnnounced("started")) await announceStarted(this.#backend, claimed.record());
    const host = { backend: this.#backend, workerId: this.workerId };
    const end = await runAttempt(claimed, host, control, (changes) =>
      this.#store.update([{ ...changes, id, fence }]),
    );
    this.#prefetch.ended(performance.now() - startedAtMs);
    // Released by the shutdown meanwhile: nobody waits for it any more.
    if (!this.#running.delete(id)) return;
    if (!(control.reason instanceof TaskLost)) {
      this.#complete(claimed, { id, fence, ...end });
    } else {
      this.#reportLost(id);
    }
    this.#afterAttempt();
  }

  #afterAttempt(): void {
    // Refill from what is claimed ahead without a turn of the loop.
    if (this.#buffer.length > 0 && !this.#stopping.signal.aborted) this.#fillSlots();
    if (this.#running.size === 0 || this.#mayHaveWork || this.#buffer.length === 0) {
      if (this.#running.size === 0) this.#mayHaveWork = true;
      this.#wakeUp();
    }
  }

  #complete(claimed: ClaimedTask, completion: Completion): void {
    this.#claimedByCompletion.set(completion, claimed);
    this.#completions.add(completion);
  }
  readonly #claimedByCompletion = new WeakMap<Completion, ClaimedTask>();

  #onCompleted(completion: Completion, answer: CompletionAnswer | undefined): void {
    if (answer === "lost") this.#reportLost(completion.id);
    if (answer === "recorded" || answer === "cancelled") this.#announce(completion, answer);
    if (this.#completions.size === 0 || this.#completions.size === MOST_PENDING) this.#wakeUp();
  }

  #announce(completion: Completion, answer: CompletionAnswer): void {
    const { type } = completion.outcome;
    const isFinal = type === "successful" || type === "failed" || answer === "cancelled";
    const claimed = this.#claimedByCompletion.get(completion);
    if (!isFinal || claimed === undefined) return;
    if (type === "successful" && answer === "recorded" && !isAnnounced("finished")) return;
    const cancelRequested = answer === "cancelled" || completion.cancelled;
    const { record } = settle(
      { ...claimed.record(), cancelRequested },
      completion,
      this.#backend.now(),
    );
    void announceFinished(this.#backend, record);
  }

  #reportLost(id: string): void {
    log(
      "warn",
      `Task id=${id} was lost by worker ${this.workerId}; its outcome was not recorded.`,
      {
        taskId: id,
      },
    );
  }

  /** Gives back what was claimed ahead and has waited too long for a slot. */
  #handBack(olderThanMs: number): void {
    const oldest = this.#buffer[0];
    if (oldest === undefined || performance.now() - oldest.claimedAtMs < olderThanMs) return;
    const waiting = this.#buffer;
    this.#buffer = [];
    this.#prefetch.reset();
    for (const { claimed, control } of waiting) {
      if (control.reason instanceof TaskLost) continue;
      this.#complete(claimed, release(claimed));
    }
    this.#mayHaveWork = true;
    this.#wakeUp();
  }

  // ── Heartbeats ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #checkAttempts(): Promise<void> {
    const youngest = performance.now() - CHECK_EVERY_MS / 2;
    const held = [...this.#running.values(), ...this.#buffer].filter(
      ({ claimedAtMs, control }) => claimedAtMs < youngest && control.reason === undefined,
    );
    if (held.length === 0) return;
    const attempts = held.map(({ claimed }) => ({ id: claimed.id, fence: claimed.fence }));
    const { cancelled, lost } = await this.#store.checkAttempts(this.#session, attempts);
    const controls = new Map(held.map(({ claimed, control }) => [claimed.id, control]));
    for (const id of cancelled) controls.get(id)?.abort(new TaskCancelled());
    for (const id of lost) {
      controls
        .get(id)
        ?.abort(new TaskLost(`The lease on task ${id} ran out; it may be running elsewhere.`));
    }
    this.#buffer = this.#buffer.filter(({ control }) => !(control.reason instanceof TaskLost));
  }

  async #recoverLost(): Promise<void> {
    // After an outage or a stall everybody's lease may look expired. Whoever is alive renews it within a moment: give them that.
    const sinceMs = performance.now() - this.#lastRecoveryMs;
    const wasAway = sinceMs > 2.5 * RECOVER_EVERY_MS;
    try {
      if (wasAway) await this.#store.checkAttempts(this.#session, []);
      else await this.#recoverNow();
      this.#lastRecoveryMs = performance.now();
    } catch (error) {
      this.#lastRecoveryMs = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  async #recoverNow(): Promise<void> {
    for (const record of await this.#store.recoverLost(this.#session)) {
      void announceFinished(this.#backend, record);
    }
  }

  async #warnOfUnknownTasks(): Promise<void> {
    this.#warnedAtMs = performance.now();
    try {
      const names = await this.#store.unknownTasks(this.#claimRequest(1));
      if (names.length === 0) return;
      log(
        "warn",
        `Worker ${this.workerId} leaves tasks alone that are not registered here: ${names.join(", ")}. ` +
          "Import the modules that define them before the worker starts.",
      );
    } catch (error) {
      await this.#outage.pause("look for unknown tasks", error, this.#stopping.signal);
    }
  }

  // ── Stopping ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets running attempts end until the deadline, then tells them to, then releases what is left. */
  async #drain(): Promise<void> {
    this.#handBack(0);
    if (!(await this.#runningEndsBefore(this.#deadline()))) {
      for (const { control } of this.#running.values()) control.abort(new WorkerStopping());
      await this.#runningEndsBefore(performance.now() + ABORT_GRACE_MS);
    }
    for (const { claimed, control } of this.#running.values()) {
      if (!(control.reason instanceof TaskLost)) this.#complete(claimed, release(claimed));
    }
    this.#running.clear();
  }

  /** When the graceful stop is over, on the clock of `performance.now()`. A worker that ends by itself has the same time from then on. */
  #deadline(): number {
    this.#deadlineMs ??= performance.now() + this.#options.shutdownTimeoutMs;
    return this.#deadlineMs;
  }
  #deadlineMs: number | undefined;

  async #runningEndsBefore(deadlineMs: number): Promise<boolean> {
    while (this.#running.size > 0) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return false;
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await sleep(leftMs, woken.signal);
      this.#wake = undefined;
    }
    return true;
  }

  /** Stores the last completions and signs off; a store that is out of reach holds the worker up until the deadline at most. */
  async #farewell(): Promise<void> {
    const leftMs = Math.max(0, this.#deadline() - performance.now()) + FAREWELL_MS;
    await within(leftMs, this.#signOff());
    this.#completions.giveUp();
  }

  async #signOff(): Promise<void> {
    await this.#completions.flushed();
    try {
      await this.#store.unregister(this.#session);
    } catch (error) {
      log("warn", `Worker ${this.workerId} could not sign off; its lease will run out.`, { error });
    }
  }

  /** Tries until it works or the worker is stopped. */
  async #persist(doing: string, action: () => Promise<void>): Promise<boolean> {
    while (!this.#stopping.signal.aborted) {
      try {
        await action();
        this.#outage.over();
        return true;
      } catch (error) {
        await this.#outage.pause(doing, error, this.#stopping.signal);
      }
    }
    return false;
  }
}

/** Gives a claim back as if it had not been made. */
function release({ id, fence }: ClaimedTask): Completion {
  return { id, fence, outcome: { type: "release" }, changes: null, cancelled: false };
}

/** Calls an action again and again, never twice at once; the returned function ends that. Errors mean the store is away, which the loop reports. */
function every(ms: number, action: () => Promise<void>): () => void {
  let isBusy = false;
  const interval = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    action()
      .catch((error: unknown) => log("debug", "A background step of a worker failed.", { error }))
      .finally(() => {
        isBusy = false;
      });
  }, ms);
  return () => clearInterval(interval);
}

/** Resolves with the promise or after a time, whichever is first. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const timedOut = new AbortController();
  try {
    await Promise.race([promise, sleep(ms, timedOut.signal)]);
  } finally {
    timedOut.abort();
  }
}
