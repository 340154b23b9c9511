import type { Backend } from "../backend.ts";
import { TaskCancelled, TaskLost, WorkerStopping } from "../errors.ts";
import { Fifo } from "../internal/fifo.ts";
import { logRetry } from "../log-retry.ts";
import { log } from "../log.ts";
import { AttemptControl, runAttempt } from "../run-attempt.ts";
import {
  announceFinished,
  announceStarted,
  isFinishedAnnounced,
  isStartedAnnounced,
} from "../signals.ts";
import { settle } from "../transitions.ts";
import { CompletionWriter } from "./completion-writer.ts";
import type { Outage } from "./outage.ts";
import { Prefetch } from "./prefetch.ts";
import type {
  ClaimedTask,
  Completion,
  CompletionAnswer,
  WorkerSession,
  WorkerStore,
} from "./worker-store.ts";

/** Attempts younger than this are not checked for cancellation and loss, in milliseconds. */
const YOUNG_MS = 125;
/** Completions that may wait for a slow store before no more attempts begin. */
const MOST_PENDING = 2000;

/** An attempt this worker holds: waiting for a slot, or running. */
interface Held {
  readonly claimed: ClaimedTask;
  readonly control: AttemptControl;
  readonly claimedAtMs: number;
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
  readonly #onChange: () => void;
  readonly #completions: CompletionWriter<EndedAttempt>;
  readonly #prefetch = new Prefetch();
  readonly #running = new Set<Held>();
  readonly #waiting = new Fifo<Held>();
  #started = 0;
  #mayStart = true;

  /** @param onChange called when a slot became free or the store caught up. */
  constructor(
    backend: Backend,
    store: WorkerStore,
    session: WorkerSession,
    outage: Outage,
    onChange: () => void,
  ) {
    this.#backend = backend;
    this.#store = store;
    this.#session = session;
    this.#onChange = onChange;
    this.#completions = new CompletionWriter(store, outage, (ended, answer) =>
      this.#onCompleted(ended, answer),
    );
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

  /** How many more attempts may begin under a limit of `maxTasks`. */
  left(maxTasks: number): number {
    return maxTasks - this.#started - this.#waiting.size;
  }

  /** Takes newly claimed tasks, of which `limit` were asked for, and starts as many as there are slots. */
  add(claimed: readonly ClaimedTask[], limit: number): void {
    this.#prefetch.claimed(claimed.length, limit);
    const claimedAtMs = performance.now();
    this.#loseOlder(claimed);
    for (const task of claimed) {
      this.#waiting.push({ claimed: task, control: new AttemptControl(), claimedAtMs });
    }
    this.#fillSlots();
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

  /** Asks the store which attempts were cancelled or lost, and tells them. Resolves with `false` when there was nothing to ask. */
  async check(): Promise<boolean> {
    const oldEnough = performance.now() - YOUNG_MS;
    const held = [...this.#running, ...this.#waiting.items()].filter(
      ({ claimedAtMs, control }) => claimedAtMs < oldEnough && control.reason === undefined,
    );
    if (held.length === 0) return false;
    const attempts = held.map(({ claimed }) => ({ id: claimed.id, fence: claimed.fence }));
    const { cancelled, lost } = await this.#store.checkAttempts(this.#session, attempts);
    const byId = new Map(held.map((attempt) => [attempt.claimed.id, attempt]));
    for (const id of cancelled) byId.get(id)?.control.abort(new TaskCancelled());
    for (const id of lost) lose(byId.get(id));
    const kept = this.#waiting.takeAll().filter(({ control }) => !isLost(control));
    for (const stillOurs of kept) this.#waiting.push(stillOurs);
    return true;
  }

  /** Gives back what was claimed ahead when it waits longer than this for a slot, in milliseconds. */
  handBack(olderThanMs: number): void {
    const oldest = this.#waiting.peek();
    if (oldest === undefined || performance.now() - oldest.claimedAtMs < olderThanMs) return;
    this.#prefetch.reset();
    for (const held of this.#waiting.takeAll()) this.#release(held);
    this.#onChange();
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

  #fillSlots(): void {
    if (!this.#mayStart || this.#completions.size > MOST_PENDING) return;
    while (this.#running.size < this.#session.concurrency) {
      const held = this.#waiting.take();
      if (held === undefined) return;
      this.#started++;
      this.#running.add(held);
      void this.#run(held);
    }
  }

  async #run(held: Held): Promise<void> {
    const { claimed, control, claimedAtMs } = held;
    const startedAtMs = performance.now();
    this.#prefetch.waited(startedAtMs - claimedAtMs);
    const { id, fence } = claimed;
    if (isStartedAnnounced()) await announceStarted(this.#backend, claimed.record());
    const host = { backend: this.#backend, workerId: this.#session.workerId };
    const end = await runAttempt(claimed, host, control, (changes) =>
      this.#store.update([{ ...changes, id, fence }]),
    );
    this.#prefetch.ended(performance.now() - startedAtMs);
    // Released by the shutdown meanwhile: nobody waits for it any more.
    if (!this.#running.delete(held)) return;
    if (isLost(control)) this.#reportLost(id);
    else this.#completions.add({ id, fence, claimed, ...end });
    this.#fillSlots();
    this.#onChange();
  }

  #release({ claimed, control }: Held): void {
    if (isLost(control)) return;
    const { id, fence } = claimed;
    const outcome = { type: "release" } as const;
    this.#completions.add({ id, fence, claimed, outcome, changes: null, cancelled: false });
  }

  #onCompleted(ended: EndedAttempt, answer: CompletionAnswer | undefined): void {
    if (answer === "lost") this.#reportLost(ended.id);
    if (answer === "recorded" || answer === "cancelled") this.#announce(ended, answer);
    if (this.#completions.size === 0 || this.#completions.size === MOST_PENDING) {
      this.#fillSlots();
      this.#onChange();
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
    void announceFinished(this.#backend, settle(running, ended, this.#backend.now()).record);
  }

  #reportLost(id: string): void {
    const { workerId } = this.#session;
    log("warn", `Task id=${id} was lost by worker ${workerId}; its outcome was not recorded.`, {
      taskId: id,
    });
  }
}

function lose(held: Held | undefined): void {
  if (held === undefined) return;
  const { id } = held.claimed;
  held.control.abort(new TaskLost(`The lease on task ${id} ran out; it may be running elsewhere.`));
}

function isLost({ reason }: AttemptControl): boolean {
  return reason instanceof TaskLost;
}
