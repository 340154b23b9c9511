import { setImmediate as nextTurn } from "node:timers/promises";

import type { Backend, Worker, WorkerOptions } from "../backend.ts";
import { NotSupported, TasksError } from "../errors.ts";
import { createId } from "../ids.ts";
import { assertWhole } from "../internal/assert-option.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import { every, sleep } from "../internal/timing.ts";
import { log } from "../log.ts";
import { registeredTasks } from "../registry.ts";
import { AttemptPool, CHECK_EVERY_MS } from "./attempt-pool.ts";
import { drain, leave } from "./farewell.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { isPermanent, Outage } from "./outage.ts";
import { Recovery } from "./recovery.ts";
import { Retention } from "./retention.ts";
import { aborted, Stopping } from "./stopping.ts";
import { UnknownTasks } from "./unknown-tasks.ts";
import type { WorkerGroup, WorkerGroupMember } from "./worker-group.ts";
import { resolveWorkerOptions, type ResolvedWorkerOptions } from "./worker-options.ts";
import type { ClaimedTask, ClaimRequest, WorkerSession, WorkerStore } from "./worker-store.ts";

/** Options of `QueueWorker`: those of every worker, and the lease. */
export interface QueueWorkerOptions extends WorkerOptions {
  /** How long a lease lasts without a heartbeat, in milliseconds, 100…3,600,000. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** The workers of the backend, which stop when it closes. */
  readonly group?: WorkerGroup | undefined;
}

/** Attempts claimed ahead go back to the queue when they waited this long, in milliseconds. */
const HAND_BACK_MS = 200;
/** Shortest pause between two looks for work, in milliseconds. */
const SHORTEST_LOOK_MS = 5;
/**
 * After two claims that found tasks within this time the worker claims again without waiting, in
 * milliseconds.
 */
const STEADY_MS = 100;
/**
 * The worker loop over any `WorkerStore`: claims, runs, completes, keeps the lease, recovers lost attempts, survives outages and stops gracefully.
 */
export class QueueWorker implements Worker, WorkerGroupMember {
  readonly #store: WorkerStore;
  readonly #options: ResolvedWorkerOptions;
  readonly #session: WorkerSession;
  readonly #lease: LeaseKeeper;
  readonly #outage: Outage;
  readonly #attempts: AttemptPool;
  readonly #recovery: Recovery;
  readonly #unknownTasks: UnknownTasks;
  readonly #retention: Retention | undefined;
  readonly #stopping: Stopping;
  readonly #group: WorkerGroup | undefined;
  #run: Promise<void> | undefined;
  /** What ended the loop. */
  #failure: unknown;
  /** The last claim gave all it was asked for, or something happened since that may have brought work. */
  #mayHaveWork = true;
  /** Something happened since the loop looked last. */
  #wasWoken = false;
  /** When a claim last found tasks, on the monotonic clock. */
  #foundAtMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;

  /** @throws InvalidOption for bad options; NotSupported for `retention` on a backend that cannot prune. */
  constructor(backend: Backend, store: WorkerStore, options: QueueWorkerOptions = {}) {
    const { leaseMs = 15_000, group, ...rest } = options;
    this.#group = group;
    this.#options = resolveWorkerOptions(rest);
    assertWhole("leaseMs", leaseMs, 100, 3_600_000);
    this.#stopping = new Stopping(this.#options.shutdownTimeoutMs);
    this.#store = store;
    this.#session = Object.freeze({
      sessionId: createId(),
      workerId: this.#options.workerId,
      queueNames: this.#options.queueNames,
      concurrency: this.#options.concurrency,
      leaseMs,
    });
    const outage = new Outage(`Worker ${this.workerId}`);
    this.#outage = outage;
    this.#lease = new LeaseKeeper(store, this.#session, () => outage.isPermanent);
    this.#attempts = new AttemptPool(backend, store, this.#session, this.#outage, {
      onChange: () => this.#wakeUp(),
      watch: (claimed) => this.#lease.watch(claimed),
    });
    this.#recovery = new Recovery(backend, store, this.#session);
    this.#unknownTasks = new UnknownTasks(store);
    this.#retention = this.#createRetention(backend);
  }

  #createRetention(backend: Backend): Retention | undefined {
    const { retention } = this.#options;
    if (retention === undefined) return undefined;
    const { signal } = this.#stopping;
    if (backend.supports.list) {
      return new Retention(backend, retention, `Worker ${this.workerId}`, signal);
    }
    throw new NotSupported(
      `${backend.constructor.name} does not support retention: it cannot prune. Leave the option out.`,
    );
  }

  get workerId(): string {
    return this.#options.workerId;
  }

  /** The store it works on; the conformance suite plays a worker's part on it step by step. */
  get store(): WorkerStore {
    return this.#store;
  }

  /** @throws BackendUnavailable when the backend was closed. */
  async run(): Promise<void> {
    if (this.#run !== undefined) {
      throw new TasksError("TASKS_WORKER_USED", "A worker runs once. Create another one.");
    }
    this.#group?.join(this);
    this.#attempts.start();
    this.#run = this.#runOnce().finally(() => this.#group?.leave(this));
    return this.#run;
  }

  async stop(): Promise<void> {
    this.#stopping.begin();
    this.#attempts.stopStarting();
    this.#wakeUp();
    // The caller of `run()` receives its failure.
    await this.#run?.catch(() => undefined);
  }

  async recheckWaiting(): Promise<void> {
    await this.#attempts.recheckWaiting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #runOnce(): Promise<void> {
    const { signal } = this.#stopping;
    if (this.#options.startupDelay) await sleep(Math.random() * this.#options.intervalMs, signal);
    if (!(await this.#register())) return;
    this.#lease.startLater();
    const stopTimers = this.#startTimers();
    const [attempts, retention] = [this.#attempts, this.#retention];
    try {
      await this.#stopping.unlessOverdue(this.#loop());
      await drain(attempts, this.#stopping.startDeadline(), () => this.#nextEvent());
      // A worker that is only started now and then must get round to it.
      if (!signal.aborted && retention !== undefined) {
        await this.#stopping.unlessOverdue(retention.done());
      }
    } finally {
      stopTimers();
      const [store, session, lease] = [this.#store, this.#session, this.#lease];
      await leave({ store, session, lease, attempts, retention }, this.#stopping);
    }
    // oxlint-disable-next-line typescript/only-throw-error -- as the store threw it
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A worker that is to end with the last task must not wait for someone to change the store; others may. */
  #isFutile(error: unknown): boolean {
    return this.#options.batch && isPermanent(error);
  }

  /** What goes on beside the loop; the returned function ends it. */
  #startTimers(): () => void {
    // Failures here mean that the store is away, which the loop reports.
    const onError = (error: unknown): void => {
      log("debug", `A background step of worker ${this.workerId} failed.`, { error });
    };
    const timers = [
      every(CHECK_EVERY_MS, () => this.#check(), onError),
      every(this.#recovery.intervalMs, () => this.#recovery.check(), onError),
      every(HAND_BACK_MS / 2, async () => this.#attempts.handBack(HAND_BACK_MS), onError),
    ];
    if (this.#retention !== undefined) timers.push(this.#retention.start());
    return () => {
      for (const stopTimer of timers) stopTimer();
    };
  }

  async #check(): Promise<void> {
    try {
      if (await this.#attempts.check()) this.#outage.over();
    } catch (error) {
      await this.#outage.pause("check on its tasks", error, this.#stopping.signal);
    }
  }

  /** Tries until it works; `false` when the worker was stopped before. @throws what waiting does not mend. */
  async #register(): Promise<boolean> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#store.register(this.#session);
        // It may resolve before the store has answered: whether someone has mended it, the first claim tells.
        if (!this.#outage.isPermanent) this.#outage.over();
        return true;
      } catch (error) {
        if (NotSupported.is(error) || this.#isFutile(error)) throw error;
        await this.#outage.pause("register", error, signal);
      }
    }
    return false;
  }

  async #loop(): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#failure === undefined) {
      if (this.#mayHaveWork && this.#limit() > 0) {
        await this.#claim();
      } else if (this.#attempts.isIdle) {
        // An attempt ended since the last look, and may have brought work.
        if (this.#wasWoken) this.#mayHaveWork = true;
        this.#wasWoken = false;
        if (await this.#isDone()) return;
        if (!this.#mayHaveWork || this.#limit() <= 0) await this.#waitForEvent();
      } else {
        await this.#waitForEvent();
      }
    }
  }

  /** How many tasks to claim now. */
  #limit(): number {
    return Math.min(this.#attempts.wanted(), this.#attempts.left(this.#options.maxTasks));
  }

  async #claim(): Promise<void> {
    const limit = this.#limit();
    this.#mayHaveWork = false;
    this.#wasWoken = false;
    let askedAtMs = monotonicNow();
    let claimed: readonly ClaimedTask[];
    try {
      if (this.#attempts.hasGivenBack) {
        await this.#attempts.givenBack();
        await this.#recovery.check();
        askedAtMs = monotonicNow();
      }
      claimed = await this.#store.claim(this.#claimRequest(limit));
    } catch (error) {
      this.#mayHaveWork = true;
      if (this.#isFutile(error)) this.#failure = error;
      else await this.#outage.pause("claim tasks", error, this.#stopping.signal);
      return;
    }
    this.#outage.over();
    const isSteady = claimed.length > 0 && askedAtMs - this.#foundAtMs < STEADY_MS;
    if (claimed.length > 0) this.#foundAtMs = monotonicNow();
    this.#mayHaveWork = claimed.length === limit || this.#wasWoken || isSteady;
    // Before the first attempt may block the event loop. Neither of the two throws: what is claimed is held from here on.
    if (claimed.length > 0) this.#lease.start();
    this.#attempts.add(claimed, limit, askedAtMs);
    // A store that answers synchronously and tasks that do too would otherwise keep timers and completions waiting.
    if (claimed.length > 0) await nextTurn();
  }

  #claimRequest(limit: number): ClaimRequest {
    const { queueNames, excludeQueues } = this.#options;
    const taskNames = [...registeredTasks().keys()];
    return { session: this.#session, limit, queueNames, excludeQueues, taskNames };
  }

  /** With nothing held: tells whether the worker has nothing left to do for good. */
  async #isDone(): Promise<boolean> {
    const { batch, maxTasks, workerId } = this.#options;
    if (this.#attempts.started >= maxTasks) {
      log("info", `Run maximum tasks (${maxTasks}) on worker=${workerId} - exiting gracefully.`);
      return true;
    }
    if (!batch) return false;
    if (this.#attempts.hasPendingCompletions) {
      // An outcome may make its own task ready again.
      await this.#stopping.unlessOverdue(this.#attempts.flushed());
      this.#mayHaveWork = true;
    }
    if (this.#mayHaveWork) return false;
    await this.#warnOfUnknownTasks(true);
    log("info", `No more tasks to run for worker_id=${workerId} - exiting gracefully.`);
    return true;
  }

  /** Waits until an attempt ends, work may have arrived, or it is time to look again. */
  async #waitForEvent(): Promise<void> {
    if (!this.#wasWoken) {
      const woken = this.#nextEvent();
      if (this.#limit() > 0) await this.#waitForWork(woken);
      else await aborted(woken);
      this.#wake = undefined;
    }
    if (this.#attempts.isIdle) this.#mayHaveWork = true;
    this.#wasWoken = false;
    await this.#warnOfUnknownTasks();
  }

  async #waitForWork(woken: AbortSignal): Promise<void> {
    const maxMs = Math.max(SHORTEST_LOOK_MS, this.#options.intervalMs);
    try {
      if (this.#store.waitForWork === undefined) await sleep(maxMs, woken);
      else await this.#store.waitForWork(this.#claimRequest(1), maxMs, woken);
    } catch (error) {
      if (this.#isFutile(error)) this.#failure = error;
      else await this.#outage.pause("wait for work", error, woken);
    }
    // Told, or timed out: look again. If only an attempt ended, the last look still holds.
    if (!woken.aborted) this.#mayHaveWork = true;
  }

  async #warnOfUnknownTasks(now = false): Promise<void> {
    try {
      await this.#unknownTasks.warn(this.#claimRequest(1), now);
    } catch (error) {
      await this.#outage.pause("look for unknown tasks", error, this.#stopping.signal);
    }
  }

  /** Fires when an attempt ends or the worker is to stop. */
  #nextEvent(): AbortSignal {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    return woken.signal;
  }

  #wakeUp(): void {
    this.#wasWoken = true;
    this.#wake?.();
  }
}
