import { clearTimeout, setTimeout } from "node:timers";

import { monotonicNow } from "@tasks/core/worker";

import type { ChangeKind, Changes } from "./changes.ts";

/** Pause between two looks while something happened lately, in milliseconds; and how lately. */
const EAGER_MS = 4;
const EAGER_FOR_MS = 5000;
/** The same for a while after that, and for good. */
const CALM_MS = 8;
const CALM_FOR_MS = 60_000;
const IDLE_MS = 20;
/** Pause after a look that failed, in milliseconds. */
const FAILED_MS = 250;

/**
 * Looks for changes in a store that tells of none: at once for what this process reported, within milliseconds for others, and less often the longer
 * nothing happens.
 *
 * Looks only while somebody listens; with nobody listening it holds nothing open.
 */
export class Poller implements Changes {
  readonly #readWorkToken: () => Promise<unknown>;
  readonly #listeners: Readonly<Record<ChangeKind, Set<() => void>>> = {
    work: new Set(),
    finished: new Set(),
  };
  #timer: NodeJS.Timeout | undefined;
  #token: unknown;
  #lastChangeMs = monotonicNow();
  #isLooking = false;
  #isClosed = false;

  /** @param readWorkToken reads a value that differs when there is new work. */
  constructor(readWorkToken: () => Promise<unknown>) {
    this.#readWorkToken = readWorkToken;
  }

  listen(kind: ChangeKind, listener: () => void): () => void {
    // A new wait for a result means that something is going on.
    if (kind === "finished") this.#lastChangeMs = monotonicNow();
    this.#listeners[kind].add(listener);
    this.#schedule();
    return () => {
      this.#listeners[kind].delete(listener);
      if (this.#isHeard) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  announce(kind: ChangeKind): void {
    this.#lastChangeMs = monotonicNow();
    this.#wake(kind);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Whoever waits finds out by its next statement that the backend is closed.
    this.#wake("work");
    this.#wake("finished");
  }

  get #isHeard(): boolean {
    return this.#listeners.work.size + this.#listeners.finished.size > 0;
  }

  #wake(kind: ChangeKind): void {
    for (const listener of this.#listeners[kind]) listener();
  }

  #schedule(ms: number = this.#pauseMs()): void {
    if (this.#isClosed || this.#isLooking || this.#timer !== undefined || !this.#isHeard) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let pauseMs: number | undefined;
    try {
      // Whoever waits for results looks them up itself.
      this.#wake("finished");
      if (this.#listeners.work.size > 0) await this.#lookForWork();
    } catch {
      // Listeners meet the same trouble, and report it.
      pauseMs = FAILED_MS;
    } finally {
      this.#isLooking = false;
    }
    this.#schedule(pauseMs);
  }

  async #lookForWork(): Promise<void> {
    const token = await this.#readWorkToken();
    if (token === this.#token) return;
    this.#token = token;
    this.announce("work");
  }

  #pauseMs(): number {
    const quietMs = monotonicNow() - this.#lastChangeMs;
    if (quietMs < EAGER_FOR_MS) return EAGER_MS;
    return quietMs < CALM_FOR_MS ? CALM_MS : IDLE_MS;
  }
}
