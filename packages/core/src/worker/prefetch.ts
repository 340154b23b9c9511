/** Most tasks claimed ahead. */
const MOST = 1000;
/** Tasks claimed ahead at first, and how many times more after each claim that was filled. */
const [FIRST, GROWTH] = [128, 8] as const;
/** How much work to claim ahead, in milliseconds of running time. */
const AHEAD_MS = 25;
/** How long tasks claimed ahead may wait before fewer are claimed, in milliseconds: well before they would be handed back. */
const LONG_WAIT_MS = 80;
/** Tasks that take longer than this are never claimed ahead, in milliseconds. */
const SHORT_MS = 10;

/**
 * Decides how many tasks to claim beyond the free slots: many while tasks are short, none while they are long, so that a slow task never holds
 * claimed ones back from an idle worker.
 */
export class Prefetch {
  #averageMs = SHORT_MS;
  #allowed = 0;
  #longestWaitMs = 0;

  /** Notes how long an attempt took. */
  ended(durationMs: number): void {
    this.#averageMs += (durationMs - this.#averageMs) / 8;
  }

  /** Notes how long a claimed task waited for its slot. */
  waited(ms: number): void {
    if (ms > this.#longestWaitMs) this.#longestWaitMs = ms;
  }

  /**
   * Records the result of a claim. While the store fills each claim and tasks do not wait for long,
   * the next claim asks for more. After a smaller result it asks for twice as many as were
   * returned: where tasks keep falling due, it finds about as many again.
   */
  claimed(count: number, limit: number): void {
    const factor = this.#longestWaitMs > LONG_WAIT_MS ? 0.5 : GROWTH;
    this.#longestWaitMs = 0;
    const allowed = Math.min(MOST, Math.max(FIRST, Math.floor(this.#allowed * factor)));
    this.#allowed = count < limit ? Math.min(this.#allowed, 2 * count) : allowed;
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
