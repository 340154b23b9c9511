import { TasksError } from "./errors.ts";
import { wrongOption } from "./internal/assert-option.ts";
import { LONGEST_DELAY_MS } from "./run-after.ts";

/** Options of `RetryTask` and `SnoozeTask`. */
export interface DelayOptions {
  /** How long to wait at least, in milliseconds, 0 to 1000 years. */
  readonly delayMs: number;
}

/** Throw it to fail this attempt and be tried again after `delayMs`, as long as `maxAttempts` allows. */
export class RetryTask extends TasksError {
  override readonly name = "RetryTask";
  /** How long to wait at least, in whole milliseconds. */
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
  /** How long to wait at least, in whole milliseconds. */
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

/** @throws InvalidOption unless it is a time a task can wait. */
export function checkedDelay(delayMs: unknown): number {
  if (isDelay(delayMs)) return Math.round(delayMs);
  throw wrongOption("delayMs", `a number of milliseconds from 0 to ${LONGEST_DELAY_MS}`, delayMs);
}

/** Tells whether a value is a time a task can wait, in milliseconds. */
export function isDelay(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= LONGEST_DELAY_MS;
}
