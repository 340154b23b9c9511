import { TasksError } from "./errors.ts";

/** Options of `RetryTask` and `SnoozeTask`. */
export interface DelayOptions {
  /** How long to wait at least, in milliseconds, 0…2^53. */
  readonly delayMs: number;
}

/** Throw it to fail this attempt and be tried again after `delayMs`, as long as `maxAttempts` allows. */
export class RetryTask extends TasksError {
  override readonly name = "RetryTask";
  readonly delayMs: number;
  constructor(options: DelayOptions & { readonly cause?: unknown }) {
    super(
      "TASKS_RETRY",
      `Retry in ${options.delayMs} ms.`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.delayMs = checkedDelay(options.delayMs);
  }
}

/** Throw it to be run again after `delayMs` without using an attempt. */
export class SnoozeTask extends TasksError {
  override readonly name = "SnoozeTask";
  readonly delayMs: number;
  constructor(options: DelayOptions) {
    super("TASKS_SNOOZE", `Snooze for ${options.delayMs} ms.`);
    this.delayMs = checkedDelay(options.delayMs);
  }
}

/** Throw it to end as FAILED at once, whatever attempts are left. */
export class DiscardTask extends TasksError {
  override readonly name = "DiscardTask";
  constructor(reason = "The task was discarded.", options?: ErrorOptions) {
    super("TASKS_DISCARD", reason, options);
  }
}

function checkedDelay(delayMs: number): number {
  if (Number.isFinite(delayMs) && delayMs >= 0) return Math.round(delayMs);
  throw new RangeError(`delayMs must be a number of milliseconds from 0, not ${String(delayMs)}.`);
}
