import { monotonicNow } from "../internal/monotonic-now.ts";
import { sleep } from "../internal/timing.ts";

/** A worker's graceful stop: whether it has begun, and when it must be over. */
export class Stopping {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  /** When the graceful stop is over, on the clock of `monotonicNow()`. */
  #deadlineMs: number | undefined;

  /** @param timeoutMs how long the stop may take. */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Fires when the stop begins. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(): void {
    this.startDeadline();
    this.#controller.abort();
  }

  /** The deadline counts from the first call: the stop, or the end of a worker that ends by itself. */
  startDeadline(): number {
    this.#deadlineMs ??= monotonicNow() + this.#timeoutMs;
    return this.#deadlineMs;
  }

  /** Waits for a step, but not beyond the deadline of a stop: a call of the store may hang as long as its connection does. */
  async unlessOverdue(step: Promise<void>): Promise<void> {
    const over = new AbortController();
    const overdue = async (): Promise<void> => {
      await aborted(AbortSignal.any([this.signal, over.signal]));
      if (!over.signal.aborted) await sleep(this.startDeadline() - monotonicNow(), over.signal);
    };
    try {
      await Promise.race([step, overdue()]);
    } finally {
      over.abort();
    }
  }
}

/** Resolves when a signal has fired. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
