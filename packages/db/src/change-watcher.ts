import { clearTimeout, setTimeout } from "node:timers";

import { monotonicNow } from "@tasks/core/worker";

import type { ChangeKind, Changes } from "./changes.ts";

/** Pause between two looks while something happened lately, in milliseconds; and how lately. */
const EAGER_MS = 2;
const EAGER_FOR_MS = 2000;
/** The same for a while after that, and for good. */
const CALM_MS = 5;
const CALM_FOR_MS = 60_000;
const IDLE_MS = 10;
/** Pause after a look that failed, in milliseconds. */
const FAILED_MS = 250;

/**
 * Tells that something was committed: at once for what this process wrote and reported, within milliseconds for others.
 *
 * Looks only while somebody listens; with nobody listening it holds nothing open.
 */
export class ChangeWatcher implements Changes {
  readonly #readToken: () => Promise<unknown>;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #token: unknown;
  #lastChangeMs = monotonicNow();
  #isLooking = false;
  #isClosed = false;

  /** @param readToken reads a value that differs after every commit of others. */
  constructor(readToken: () => Promise<unknown>) {
    this.#readToken = readToken;
  }

  /** A commit does not tell its kind: listeners hear of all. Changes before the first look go unnoticed. */
  listen(_kind: ChangeKind, listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined && !this.#isLooking) this.#schedule(0);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  announce(_kind?: ChangeKind): void {
    this.#lastChangeMs = monotonicNow();
    for (const listener of this.#listeners) listener();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Whoever waits finds out by its next statement that the backend is closed.
    this.announce();
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let pauseMs: number | undefined;
    try {
      const token = await this.#readToken();
      if (token !== this.#token) {
        this.#token = token;
        this.announce();
      }
    } catch {
      // Listeners meet the same trouble, and report it.
      pauseMs = FAILED_MS;
    } finally {
      this.#isLooking = false;
    }
    if (this.#listeners.size > 0) this.#schedule(pauseMs ?? this.#pauseMs());
  }

  #pauseMs(): number {
    const quietMs = monotonicNow() - this.#lastChangeMs;
    if (quietMs < EAGER_FOR_MS) return EAGER_MS;
    return quietMs < CALM_FOR_MS ? CALM_MS : IDLE_MS;
  }
}
