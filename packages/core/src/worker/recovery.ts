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
  /** The last look failed. */
  #isAway = false;
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
    const now = performance.now();
    const wasStalled = now - this.#lastLookMs > 2.5 * RECOVER_EVERY_MS;
    const wasAway = this.#isAway;
    this.#isAway = true;
    if (wasStalled || wasAway || now < this.#mayRecoverAtMs) {
      await this.#store.checkAttempts(this.#session, []);
    } else {
      await this.#recover();
    }
    this.#isAway = false;
    this.#lastLookMs = performance.now();
    // Renewals come three times in a lease, and after a failure within a second.
    if (wasAway)
      this.#mayRecoverAtMs = this.#lastLookMs + this.#session.leaseMs / 3 + RECOVER_EVERY_MS;
  }

  async #recover(): Promise<void> {
    for (const record of await this.#store.recoverLost(this.#session)) {
      await announceFinished(this.#backend, record);
    }
  }
}
