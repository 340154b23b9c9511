import { setImmediate } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

import { monotonicNow } from "@tasks/core/worker";

import { isBusy } from "./errors.ts";

/** First tries go right after other work of this process; most writers hold the lock for less than a millisecond. */
const EAGER_TRIES = 4;
const LONGEST_PAUSE_MS = 25;

/** How long a busy database is tried again when nothing else is said, in milliseconds. */
export const DEFAULT_BUSY_LIMIT_MS = 60_000;

/**
 * Runs something again while the database is busy, up to a limit. The event loop is free in between.
 *
 * @throws what `work` threw last.
 */
export async function whileBusy<T>(work: () => T | Promise<T>, limitMs: number): Promise<T> {
  let deadline: number | undefined;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      const now = monotonicNow();
      deadline ??= now + limitMs;
      if (now >= deadline) throw error;
    }
    await pause(tries);
  }
}

async function pause(tries: number): Promise<void> {
  if (tries < EAGER_TRIES) return new Promise((resolve) => setImmediate(resolve));
  // Full jitter, so that waiting processes do not come back together.
  const longest = Math.min(LONGEST_PAUSE_MS, 2 ** (tries - EAGER_TRIES));
  return sleep(longest * Math.random());
}
