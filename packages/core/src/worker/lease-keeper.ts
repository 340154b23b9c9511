import { Worker as Thread } from "node:worker_threads";

import { log } from "../log.ts";
import type { LeaseThread, WorkerSession, WorkerStore } from "./worker-store.ts";

/** What a lease thread is started with. */
export interface LeaseThreadData {
  readonly module: string;
  readonly data: unknown;
  readonly intervalMs: number;
}

/** How long a thread may take to end before it is cut off, in milliseconds. */
const THREAD_END_MS = 500;

/**
 * Renews a session's lease three times in its length until stopped: from a thread of its own where the store offers one, so that a busy event loop
 * does not cost the lease, else by a timer.
 */
export class LeaseKeeper {
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  #timer: NodeJS.Timeout | undefined;
  #thread: Thread | undefined;
  #later: NodeJS.Timeout | undefined;
  #started = false;
  #stopped = false;

  constructor(store: WorkerStore, session: WorkerSession) {
    this.#store = store;
    this.#session = session;
  }

  /** Begins when the first renewal is due: the registration granted a lease, and a worker that finds nothing needs no thread. */
  startLater(): void {
    this.#later = setTimeout(() => this.start(), this.#intervalMs);
  }

  /** Begins now, unless it has begun. */
  start(): void {
    clearTimeout(this.#later);
    if (this.#started || this.#stopped) return;
    this.#started = true;
    const thread = this.#store.leaseThread?.(this.#session);
    if (thread === undefined) this.#startTimer();
    else this.#startThread(thread);
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
    thread.postMessage("stop");
    const cutOff = setTimeout(() => void thread.terminate(), THREAD_END_MS);
    await ended;
    clearTimeout(cutOff);
  }

  get #intervalMs(): number {
    return Math.max(1, Math.floor(this.#session.leaseMs / 3));
  }

  #startTimer(): void {
    let isRenewing = false;
    this.#timer = setInterval(() => {
      if (isRenewing) return;
      isRenewing = true;
      this.#store
        .renewLease(this.#session)
        .catch((error: unknown) => this.#report(error))
        .finally(() => {
          isRenewing = false;
        });
    }, this.#intervalMs);
  }

  #startThread({ module, data }: LeaseThread): void {
    const workerData: LeaseThreadData = {
      module: module.href,
      data,
      intervalMs: this.#intervalMs,
    };
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const thread = new Thread(new URL(`./lease-thread.${extension}`, import.meta.url), {
      workerData,
    });
    thread.unref();
    thread.on("message", (problem: string | null) => {
      // Nothing to report: it has renewed the lease for the first time.
      if (problem === null) clearInterval(this.#timer);
      else this.#report(new Error(problem));
    });
    thread.once("error", (error) => this.#fallBack(thread, error));
    // A thread that waits for what never comes ends without an error.
    thread.once("exit", () => this.#fallBack(thread, new Error("The thread ended by itself.")));
    this.#thread = thread;
    // Loading a driver and connecting may take a busy machine longer than a lease.
    this.#startTimer();
  }

  /** A thread that cannot run must not cost the lease. */
  #fallBack(thread: Thread, error: unknown): void {
    if (this.#stopped || this.#thread !== thread) return;
    this.#thread = undefined;
    log("warn", "The lease thread failed; the lease is renewed from the main thread.", { error });
    clearInterval(this.#timer);
    this.#startTimer();
  }

  #report(error: unknown): void {
    if (this.#stopped) return;
    log("warn", `Worker ${this.#session.workerId} could not renew its lease.`, { error });
  }
}
