import type { Backend } from "../backend.ts";
import { announceFinished } from "../signals.ts";
import type { WorkerSession, WorkerStore } from "./worker-store.ts";

/** How often lost attempts of other workers are looked for, in milliseconds. */
export const RECOVER_EVERY_MS = 1000;

/**
 * Looks for attempts whose worker vanished.
 *
 * After an outage everybody's lease may look expired, though whoever is alive renews it before long: until everyone has had the time for that, looks only
 * make sure that the store answers. So does the first look after a stall of this process, in which the store may have been away unnoticed.
 */
export class Recovery {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  #lastLookMs = Number.NEGATIVE_INFINITY;
  /** The last look came late, and only made sure that the store answers. */
  #wasStalled = false;
  /** How long the last look took to fail, in milliseconds; `undefined` when it did not. */
  #failedAfterMs: number | undefined;
  #mayRecoverAtMs = Number.NEGATIVE_INFINITY;

  constructor(backend: Backend, store: WorkerStore, session: WorkerSession) {
    this.#backend = backend;
    this.#store = store;
    this.#session = session;
  }

  /** To be called when the store has just answered by other means, such as a registration: that counts as the first look. */
  storeAnswered(): void {
    this.#lastLookMs = performance.now();
  }

  /** To be called every `RECOVER_EVERY_MS`. */
  async look(): Promise<void> {
    const startedAtMs = performance.now();
    const isLate = startedAtMs - this.#lastLookMs > 2.5 * RECOVER_EVERY_MS;
    // Not twice in a row: on a machine that is always busy every look is late.
    this.#wasStalled = isLate && !this.#wasStalled;
    const failedAfterMs = this.#failedAfterMs;
    const mayRecover =
      !this.#wasStalled && failedAfterMs === undefined && startedAtMs >= this.#mayRecoverAtMs;
    try {
      if (mayRecover) await this.#recover();
      else await this.#store.checkAttempts(this.#session, []);
    } catch (error) {
      this.#failedAfterMs = performance.now() - startedAtMs;
      throw error;
    }
    this.#failedAfterMs = undefined;
    this.#lastLookMs = performance.now();
    if (failedAfterMs === undefined) return;
    // Renewals are tried again within a second. Those that hang, as the looks did, come three times in a lease.
    const hungMs = Math.min(failedAfterMs, this.#session.leaseMs / 3);
    this.#mayRecoverAtMs = this.#lastLookMs + RECOVER_EVERY_MS + hungMs;
  }

  async #recover(): Promise<void> {
    for (const record of await this.#store.recoverLost(this.#session)) {
      await announceFinished(this.#backend, record);
    }
  }
}
