import { clearTimeout, setTimeout } from "node:timers";

import type { RedisStore } from "./connection/redis-store.ts";
import { deferred } from "./deferred.ts";
import type { Notifications } from "./notifications.ts";
import { IS_OPEN } from "./scripts/look.ts";

/** Wakes those who wait for results to finish. */
export class ResultWaiter {
  readonly #store: RedisStore;
  readonly #notifications: Notifications;
  readonly #waiting = new Map<string, Set<() => void>>();
  #stopListening: (() => void) | undefined;

  constructor(store: RedisStore, notifications: Notifications) {
    this.#store = store;
    this.#notifications = notifications;
  }

  /** Resolves when the result may be finished, after `maxMs`, or when the signal fires. */
  async wait(id: string, maxMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = deferred();
    const onAbort = (): void => resolve();
    const timer = setTimeout(resolve, maxMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) resolve();
    const waiters = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiters.add(resolve));
    this.#stopListening ??= this.#notifications.listen("finished", (ids) => this.#told(ids));
    // What finished between the caller's look and this one is found here.
    void this.#look(id, resolve);
    await promise;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    this.#forget(id, resolve);
  }

  async #look(id: string, resolve: () => void): Promise<void> {
    try {
      if ((await this.#store.run(IS_OPEN, [id])) !== 1) resolve();
    } catch {
      // Whoever waits looks again, and meets the same trouble.
    }
  }

  #told(ids: string | undefined): void {
    const changed = ids === undefined ? [...this.#waiting.keys()] : ids.split(" ");
    for (const id of changed) for (const resolve of this.#waiting.get(id) ?? []) resolve();
  }

  #forget(id: string, resolve: () => void): void {
    const waiters = this.#waiting.get(id);
    waiters?.delete(resolve);
    if (waiters?.size === 0) this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }
}
