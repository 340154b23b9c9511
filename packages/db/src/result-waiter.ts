import { clearTimeout, setTimeout } from "node:timers";

import { isFinished } from "@tasks/core";

import { deferred } from "./deferred.ts";
import { toStatus, toText } from "./rows.ts";
import type { Store } from "./store.ts";

/** Wakes those who wait for results to finish: at once for this process's workers, on the next commit noticed for others. */
export class ResultWaiter {
  readonly #store: Store;
  readonly #waiting = new Map<string, Set<() => void>>();
  #stopListening: (() => void) | undefined;
  #isLooking = false;
  #lookAgain = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Results that have changed in this process. */
  announce(ids: readonly string[]): void {
    if (this.#waiting.size === 0) return;
    for (const id of ids) this.#wake(id);
  }

  /** Resolves when the result is finished, after `maxMs`, or when the signal fires. */
  async wait(id: string, maxMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = deferred();
    const onAbort = (): void => resolve();
    const timer = setTimeout(resolve, maxMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) resolve();
    const waiters = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiters.add(resolve));
    this.#stopListening ??= this.#store.changes.listen("finished", () => void this.#look());
    try {
      // What finished between the caller's look and this one is found here.
      void this.#look();
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#forget(id, resolve);
    }
  }

  #forget(id: string, resolve: () => void): void {
    const waiters = this.#waiting.get(id);
    waiters?.delete(resolve);
    if (waiters?.size === 0) this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #wake(id: string): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve();
  }

  /** One query for all that is waited for. */
  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#lookAgain = true;
      return;
    }
    this.#isLooking = true;
    try {
      do {
        this.#lookAgain = false;
        const connection = await this.#store.connection();
        const { dialect, scope } = this.#store;
        const ids = [...this.#waiting.keys()];
        const rows = await dialect.readStates(connection, scope, ids);
        const open = new Set(rows.filter(isOpen).map((row) => toText(row["id"])));
        for (const id of ids) if (!open.has(id)) this.#wake(id);
      } while (this.#lookAgain && this.#waiting.size > 0);
    } catch {
      // Whoever waits reads the result next, and meets the same trouble.
    } finally {
      this.#isLooking = false;
    }
  }
}

function isOpen(row: Readonly<Record<string, unknown>>): boolean {
  return !isFinished(toStatus(row["phase"]));
}
