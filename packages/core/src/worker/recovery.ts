import type { Backend } from "../backend.ts";
import { announceFinished } from "../signals.ts";
import type { WorkerSession, WorkerStore } from "./worker-store.ts";

/** How often lost attempts of other workers are looked for, in milliseconds. */
export const RECOVER_EVERY_MS = 1000;

/**
 * Looks for attempts whose worker vanished.
 *
 * After an outage, or a stall of this process, everybody's lease may look expired, though whoever is alive renews it before long. So the looks after an
 * absence only make sure that the store answers, until everyone has had the time for a renewal.
 */
export class Recovery {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  #lastLookMs = Number.NEGATIVE_INFINITY;
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
    const wasAway = performance.now() - this.#lastLookMs > 2.5 * RECOVER_EVERY_MS;
    // Forget the last look first: a rejection below is an absence too.
    this.#lastLookMs = Number.NEGATIVE_INFINITY;
    const mayRecover = !wasAway && performance.now() >= this.#mayRecoverAtMs;
    if (mayRecover) await this.#recover();
    else await this.#store.checkAttempts(this.#session, []);
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
