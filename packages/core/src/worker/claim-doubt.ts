import { monotonicNow } from "../internal/monotonic-now.ts";

/** Pauses between two checks, in milliseconds. */
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;

/**
 * When to check for claims whose reply was lost. The store may have carried such a claim out: its session then keeps tasks alive that the worker does not
 * know. A server may also carry it out late, so no clock ends the doubt: once the store has answered a check, checks become rarer, down to one a minute.
 */
export class ClaimDoubt {
  readonly #now: () => number;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #pauseMs = MIN_PAUSE_MS;

  /** @param now the monotonic clock, in milliseconds. */
  constructor(now: () => number = monotonicNow) {
    this.#now = now;
  }

  /** The reply to a claim was lost. */
  begin(): void {
    this.#dueAtMs = this.#now();
    this.#pauseMs = MIN_PAUSE_MS;
  }

  /** A check is to come before the next claim. */
  get isDue(): boolean {
    return this.#now() >= this.#dueAtMs;
  }

  /** The store answered a check, and what it found was released. */
  checked(): void {
    this.#dueAtMs = this.#now() + this.#pauseMs;
    this.#pauseMs = Math.min(MAX_PAUSE_MS, 2 * this.#pauseMs);
  }
}
