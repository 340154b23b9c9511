import { monotonicNow } from "../internal/monotonic-now.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../internal/real-time.ts";
import { log } from "../log.ts";
import { claimedAhead, type ClaimedAhead } from "./claimed-ahead.ts";
import type { LeaseThreadData, LeaseThreadMessage, LeaseThreadOrder } from "./lease-thread.ts";
import type { ClaimedTask, Thread, WorkerSession, WorkerStore } from "./worker-store.ts";

/** How long a thread may take to end before it is terminated, in milliseconds. */
const THREAD_END_MS = 500;
/** A lasting failure is reported this often, in milliseconds. */
const REPORT_EVERY_MS = 30_000;

/** Reasons for which this process has no lease thread; each is reported once. */
const reportedReasons = new Set<string>();

/**
 * Renews a session's lease three times in its length until stopped: from a thread of its own where the store offers one, so that a busy event loop
 * does not cost the lease. A timer of the main thread renews instead while there is no thread, or while the thread is not renewing.
 */
export class LeaseKeeper {
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  readonly #isTold: () => boolean;
  readonly #reportedAtMs = { thread: Number.NEGATIVE_INFINITY, timer: Number.NEGATIVE_INFINITY };
  #timer: NodeJS.Timeout | undefined;
  #thread: Thread | undefined;
  #later: NodeJS.Timeout | undefined;
  #stopped = false;
  /** The thread has renewed the lease since the timer fired last. */
  #threadRenewed = false;
  #isRenewing = false;

  /** @param isTold someone was told already why the store is of no use. */
  constructor(store: WorkerStore, session: WorkerSession, isTold: () => boolean = () => false) {
    this.#store = store;
    this.#session = session;
    this.#isTold = isTold;
  }

  /** Starts when the first renewal is due: the registration granted a lease, and a worker that finds nothing needs no thread. */
  startLater(): void {
    this.#later = setTimeout(() => this.start(), this.#intervalMs);
  }

  /** Starts now, unless it has started. Never throws: without a thread the timer renews. */
  start(): void {
    clearTimeout(this.#later);
    if (this.#timer !== undefined || this.#stopped) return;
    // The timer comes first and stays: loading a driver may take longer than a lease, and a thread may fail at any time.
    this.#timer = setInterval(() => this.#renewInPlaceOfThread(), this.#intervalMs);
    try {
      this.#startThread();
    } catch (error) {
      reportNoThread(error);
    }
  }

  /** Lets the thread give tasks back that still wait while the event loop is blocked. `undefined` without a thread. */
  watch(tasks: readonly Pick<ClaimedTask, "id" | "fence">[]): ClaimedAhead | undefined {
    if (this.#thread === undefined) return undefined;
    const ahead = claimedAhead(tasks);
    order(this.#thread, ahead);
    return ahead;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#later);
    clearInterval(this.#timer);
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    const ended = new Promise<void>((resolve) => {
      thread.once("exit", () => resolve());
    });
    order(thread, "stop");
    const timeout = setTimeout(() => void thread.terminate(), THREAD_END_MS);
    await ended;
    clearTimeout(timeout);
  }

  get #intervalMs(): number {
    return Math.max(1, Math.floor(this.#session.leaseMs / 3));
  }

  /** Renews unless the thread has done so within the last third of a lease. */
  #renewInPlaceOfThread(): void {
    const isRenewed = this.#threadRenewed;
    this.#threadRenewed = false;
    if (isRenewed || this.#isRenewing) return;
    void this.#renew();
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    try {
      await this.#store.renewLease(this.#session);
      this.#renewed("timer");
    } catch (error) {
      this.#failed("timer", error);
    } finally {
      this.#isRenewing = false;
    }
  }

  #startThread(): void {
    const leaseThread = this.#store.leaseThread?.(this.#session);
    if (leaseThread === undefined) return;
    const workerData: LeaseThreadData = { data: leaseThread.data, intervalMs: this.#intervalMs };
    // A thread inherits --input-type, and Node runs no file with that option.
    const isInput = process.execArgv.some((argument) => argument.startsWith("--input-type"));
    const thread = leaseThread.start(isInput ? { workerData, execArgv: [] } : { workerData });
    this.#thread = thread;
    thread.unref();
    thread.on("message", (received) => {
      const message = received as LeaseThreadMessage;
      if (message.type === "failed") this.#failed("thread", new Error(message.problem));
      else this.#renewed("thread");
    });
    thread.once("error", (error) => this.#threadEnded(thread, error));
    // A thread that waits for what never comes ends without an error.
    thread.once("exit", () => this.#threadEnded(thread, new Error("The thread ended by itself.")));
  }

  #threadEnded(thread: Thread, error: unknown): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    this.#threadRenewed = false;
    reportNoThread(error);
  }

  #renewed(by: "thread" | "timer"): void {
    if (by === "thread") this.#threadRenewed = true;
    this.#reportedAtMs[by] = Number.NEGATIVE_INFINITY;
  }

  #failed(by: "thread" | "timer", error: unknown): void {
    if (this.#stopped || this.#isTold()) return;
    if (monotonicNow() - this.#reportedAtMs[by] < REPORT_EVERY_MS) return;
    this.#reportedAtMs[by] = monotonicNow();
    const { workerId } = this.#session;
    const text =
      by === "thread"
        ? `The lease thread of worker ${workerId} could not renew its lease; the main thread renews it until the thread can.`
        : `Worker ${workerId} could not renew its lease.`;
    log("warn", text, { error });
  }
}

function order(thread: Thread, what: LeaseThreadOrder): void {
  thread.postMessage(what);
}

function reportNoThread(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  if (reportedReasons.has(reason)) return;
  reportedReasons.add(reason);
  log(
    "warn",
    "There is no lease thread; the main thread renews leases, and cannot while a task blocks the event loop for longer than leaseMs. " +
      "In a bundle, build the file of the lease thread beside it, see docs/bundlers.md. Under --permission, add --allow-worker.",
    { error },
  );
}
