import { clearInterval, setInterval } from "node:timers";

import { isAnyAhead, takeAllAhead, type ClaimedAhead } from "./claimed-ahead.ts";
import type { Lease } from "./worker-store.ts";

/** How often the lease thread looks at what was claimed ahead, in milliseconds. */
const LOOK_EVERY_MS = 100;
/**
 * How long a task may wait before the lease thread gives it back, in milliseconds: longer than the
 * main thread lets it wait, so that this happens only while the main thread is blocked.
 */
const LONGEST_WAIT_MS = 1000;

type Attempts = Parameters<NonNullable<Lease["giveBack"]>>[0];

/**
 * Gives back, from the lease thread, what a worker claimed ahead and cannot begin because a task
 * blocks its event loop: an idle worker begins it.
 */
export class AheadWatch {
  readonly #lease: () => Lease | undefined;
  #watched: { readonly ahead: ClaimedAhead; readonly sinceMs: number }[] = [];
  /** Taken from the main thread, and not stored yet as given back. */
  #taken: Attempts[number][] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStoring = false;

  /** @param lease the lease as it is open now, if it is. */
  constructor(lease: () => Lease | undefined) {
    this.#lease = lease;
  }

  /** Watches the tasks of a claim. */
  add(ahead: ClaimedAhead): void {
    this.#watched.push({ ahead, sinceMs: performance.now() });
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched = [];
    this.#taken = [];
  }

  async #look(): Promise<void> {
    const lease = this.#lease();
    if (lease === undefined || this.#isStoring) return;
    if (lease.giveBack === undefined) return this.stop();
    this.#takeLongWaiting();
    if (this.#taken.length > 0) await this.#store(lease);
    if (this.#watched.length === 0 && this.#taken.length === 0) this.stop();
  }

  #takeLongWaiting(): void {
    const latestMs = performance.now() - LONGEST_WAIT_MS;
    const isLong = ({ sinceMs }: { readonly sinceMs: number }): boolean => sinceMs <= latestMs;
    for (const { ahead } of this.#watched.filter(isLong)) this.#taken.push(...takeAllAhead(ahead));
    this.#watched = this.#watched.filter(
      (watched) => !isLong(watched) && isAnyAhead(watched.ahead),
    );
  }

  async #store(lease: Lease): Promise<void> {
    const attempts = this.#taken;
    this.#taken = [];
    this.#isStoring = true;
    try {
      await lease.giveBack?.(attempts);
    } catch {
      // The next renewal meets the same trouble, and reports it. The main thread gives them back when it can.
      this.#taken.push(...attempts);
    } finally {
      this.#isStoring = false;
    }
  }
}
