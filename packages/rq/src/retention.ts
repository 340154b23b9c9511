import type { RedisStore } from "./connection/redis-store.ts";
import { prune } from "./prune.ts";

/** Shortest pause between two rounds, in milliseconds. */
const PAUSE_MS = 1000;

/** Deletes finished results by themselves, where an age was given. Workers see to it. */
export class Retention {
  readonly #store: RedisStore;
  readonly #keepFinishedMs: number | undefined;
  readonly #keepFailedMs: number | undefined;
  #appliedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    store: RedisStore,
    keepFinishedMs: number | undefined,
    keepFailedMs: number | undefined,
  ) {
    this.#store = store;
    this.#keepFinishedMs = keepFinishedMs;
    this.#keepFailedMs = keepFailedMs ?? keepFinishedMs;
  }

  async apply(): Promise<void> {
    if (this.#keepFinishedMs === undefined && this.#keepFailedMs === undefined) return;
    if (performance.now() - this.#appliedAtMs < PAUSE_MS) return;
    this.#appliedAtMs = performance.now();
    await prune(this.#store, {
      minAgeMs: this.#keepFinishedMs ?? Number.MAX_SAFE_INTEGER,
      failedMinAgeMs: this.#keepFailedMs ?? Number.MAX_SAFE_INTEGER,
    });
  }
}
