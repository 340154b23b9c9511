import { clearInterval, clearTimeout, setInterval, setTimeout } from "./real-time.ts";

/** Resolves after a time, or early when the signal fires. Never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    // Timers take at most 2^31 - 1 ms; nobody here sleeps longer without looking again.
    const timer = setTimeout(done, Math.min(Math.max(0, ms), 2 ** 31 - 1));
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Longest wait at a time, in milliseconds. */
const SLICE_MS = 25;

/**
 * Resolves with the promise or after a time, whichever is first. A stall of the whole process counts as a moment: what it held up has its turn before the
 * time is over.
 */
export async function within(ms: number, promise: Promise<void>): Promise<void> {
  const over = new AbortController();
  const settled = promise.finally(() => over.abort());
  // The time may be over before it settles, and nobody listens then.
  settled.catch(() => undefined);
  for (let leftMs = ms; leftMs > 0 && !over.signal.aborted; leftMs -= SLICE_MS) {
    await Promise.race([settled, sleep(Math.min(leftMs, SLICE_MS), over.signal)]);
  }
}

/** Calls an action again and again, never twice at once; the returned function ends that. */
export function every(
  ms: number,
  action: () => Promise<void>,
  onError: (error: unknown) => void,
): () => void {
  let isBusy = false;
  const interval = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    action()
      .catch(onError)
      .finally(() => {
        isBusy = false;
      });
  }, ms);
  return () => clearInterval(interval);
}
