/** Most tasks claimed ahead. */
const MOST = 1000;
/** How much work to claim ahead, in milliseconds of running time. */
const AHEAD_MS = 25;
/** Tasks that take longer than this are never claimed ahead, in milliseconds. */
const SHORT_MS = 10;

/**
 * Decides how many tasks to claim beyond the free slots: many while tasks are short, none while they are long, so that a slow task never holds
 * claimed ones back from an idle worker.
 */
export class Prefetch {
  #averageMs = SHORT_MS;
  #allowed = 0;

  /** Notes how long an attempt took. */
  ended(durationMs: number): void {
    this.#averageMs += (durationMs - this.#averageMs) / 8;
  }

  /** Notes how a claim went: as long as the store gives all that is asked for, more may be asked for. */
  claimed(count: number, limit: number): void {
    this.#allowed = count < limit ? 0 : Math.min(MOST, Math.max(32, this.#allowed * 2));
  }

  /** Claimed tasks had to wait: start over. */
  reset(): void {
    this.#allowed = 0;
    this.#averageMs = SHORT_MS;
  }

  /** How many tasks to claim ahead now. */
  size(concurrency: number): number {
    if (this.#averageMs >= SHORT_MS) return 0;
    const worth = Math.floor((AHEAD_MS * concurrency) / Math.max(this.#averageMs, 0.01));
    return Math.min(this.#allowed, worth);
  }
}
