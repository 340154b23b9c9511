import type { Backend } from "../backend.ts";
import { BackendUnavailable } from "../errors.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import { log } from "../log.ts";
import { announceFinished } from "../signals.ts";
import type { WorkerSession, WorkerStore } from "./worker-store.ts";

/** Max interval of the checks for dead sessions, in milliseconds. */
const MAX_INTERVAL_MS = 500;
/** Min interval, in milliseconds. */
const MIN_INTERVAL_MS = 20;
/** Min pause after the store was unavailable, in milliseconds. */
const RETRY_MS = 1000;
/** An error about the data is reported this often, in milliseconds. */
const REPORT_EVERY_MS = 30_000;

/** Recovers the attempts of dead sessions. */
export class Recovery {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(backend: Backend, store: WorkerStore, session: WorkerSession) {
    this.#backend = backend;
    this.#store = store;
    this.#session = session;
  }

  /** How often to call `check()`, in milliseconds: a dead session must be seen within two seconds after its lease, and a short lease many times. */
  get intervalMs(): number {
    return Math.max(MIN_INTERVAL_MS, Math.min(MAX_INTERVAL_MS, this.#session.leaseMs / 10));
  }

  /**
   * Recovers lost attempts. Rejects when the store is unavailable, and then skips the checks of a
   * second. Reports any other error, since it does not end by itself.
   */
  async check(): Promise<void> {
    if (monotonicNow() < this.#pausedUntilMs) return;
    try {
      for (const record of await this.#store.recoverLost(this.#session)) {
        await announceFinished(this.#backend, record);
      }
    } catch (error) {
      if (BackendUnavailable.is(error)) {
        this.#pausedUntilMs = monotonicNow() + RETRY_MS;
        throw error;
      }
      if (monotonicNow() - this.#reportedAtMs < REPORT_EVERY_MS) return;
      this.#reportedAtMs = monotonicNow();
      const { workerId } = this.#session;
      log("warn", `Worker ${workerId} could not recover lost tasks; trying again.`, { error });
    }
  }
}
