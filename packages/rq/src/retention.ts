import type { RedisStore } from "./connection/redis-store.ts";
import type { ResolvedOptions } from "./options.ts";
import { prune } from "./prune.ts";

/** Shortest pause between two rounds, in milliseconds. */
const PAUSE_MS = 1000;

/** Deletes finished results by themselves, where an age was given. Workers see to it. */
export class Retention {
  readonly #store: RedisStore;
  readonly #ages: Pick<ResolvedOptions, "keepFinishedMs" | "keepFailedMs">;
  #appliedAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: RedisStore, ages: Pick<ResolvedOptions, "keepFinishedMs" | "keepFailedMs">) {
    this.#store = store;
    this.#ages = ages;
  }

  async apply(): Promise<void> {
    const { keepFinishedMs, keepFailedMs } = this.#ages;
    if (keepFinishedMs === undefined && keepFailedMs === undefined) return;
    if (performance.now() - this.#appliedAtMs < PAUSE_MS) return;
    this.#appliedAtMs = performance.now();
    await prune(this.#store, {
      minAgeMs: keepFinishedMs ?? Number.MAX_SAFE_INTEGER,
      failedMinAgeMs: keepFailedMs ?? Number.MAX_SAFE_INTEGER,
    });
  }
}
