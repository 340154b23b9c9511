import { AsyncLocalStorage } from "node:async_hooks";

/** How often the time that is left is counted, in milliseconds. */
const TICK_MS = 20;
/** Pause between two checks of what no event announces, in milliseconds. */
const CHECK_MS = 5;

const scales = new AsyncLocalStorage<number>();

/** Multiplies every limit of what `run` awaits. */
export function withTimeScale<T>(scale: number, run: () => Promise<T>): Promise<T> {
  return scales.run(scale, run);
}

/** Something did not happen in time. */
export class TimeoutError extends Error {
  constructor(what: string, ms: number) {
    super(`${what}: not within ${ms} ms.`);
  }
}

/**
 * Rejects with a sentence that says what did not happen, when a promise takes longer than `ms`.
 *
 * Only time that this process was given counts: while it stands still, or waits for its share of a busy machine, the limit does as well.
 */
export async function within<T>(ms: number, what: string, promise: Promise<T> | T): Promise<T> {
  let stop: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    stop = startLimit(ms, (limitMs) => reject(new TimeoutError(what, limitMs)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop?.();
  }
}

/** Calls `check` until it gives something truthy, which it resolves with. For facts that no event announces. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number | undefined } = {},
): Promise<Exclude<T, false | undefined>> {
  let isOver = false;
  const stop = startLimit(timeoutMs, () => (isOver = true));
  try {
    for (;;) {
      const value = await check();
      if (value) return value as Exclude<T, false | undefined>;
      if (isOver) throw new TimeoutError(what, timeoutMs);
      await new Promise((resolve) => {
        setTimeout(resolve, CHECK_MS);
      });
    }
  } finally {
    stop();
  }
}

/** Calls `onOver` with the scaled limit when it is used up. The returned function ends it before. */
function startLimit(ms: number, onOver: (limitMs: number) => void): () => void {
  const limitMs = ms * (scales.getStore() ?? 1);
  let leftMs = limitMs;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    leftMs -= Math.min(nowMs - lastMs, 1.5 * TICK_MS);
    lastMs = nowMs;
    if (leftMs > 0) return;
    clearInterval(timer);
    onOver(limitMs);
  }, TICK_MS);
  return () => clearInterval(timer);
}
