import { InvalidTask } from "./errors.ts";
import { assertBetween, assertOneOf, wrongOption } from "./internal/assert-option.ts";
import { assertKnownOptions } from "./known-options.ts";
import { LONGEST_DELAY_MS } from "./run-after.ts";
import type { TaskResult } from "./task-result.ts";

/** How long to wait before the next attempt. */
export interface BackoffOptions {
  /** `fixed`: always `delayMs`; `linear`: times the failures so far; `exponential`: doubled by each further failure. @default "exponential" */
  readonly type?: "fixed" | "linear" | "exponential" | undefined;
  /** The first wait, in milliseconds. @default 1000 */
  readonly delayMs?: number | undefined;
  /** The longest wait, in milliseconds. @default 3,600,000 (an hour) */
  readonly maxDelayMs?: number | undefined;
  /** Share of the wait that is left to chance, 0…1: 0.25 waits between 75 % and 125 %. @default 0.25 */
  readonly jitter?: number | undefined;
}

/** Decides after a failed attempt: a wait in milliseconds, or `null` not to try again. */
export type BackoffFunction = (error: unknown, result: TaskResult) => number | null;

/** A retry policy. */
export type Backoff = BackoffOptions | BackoffFunction;

/**
 * The wait after the given number of failures, in milliseconds.
 *
 * @param failures attempts that failed so far, this one included; from 1.
 * @param random 0…1.
 */
export function backoffDelay(
  options: BackoffOptions,
  failures: number,
  random: number = Math.random(),
): number {
  const { type = "exponential", delayMs = 1000, maxDelayMs = 3_600_000, jitter = 0.25 } = options;
  const factors = { fixed: 1, linear: failures, exponential: 2 ** Math.min(failures - 1, 52) };
  const spread = 1 + jitter * (2 * random - 1);
  return Math.round(Math.min(delayMs * factors[type] * spread, maxDelayMs));
}

/** @throws InvalidTask when a value is out of range; TypeError for an unknown option. */
export function assertBackoff(backoff: Backoff): void {
  if (typeof backoff === "function") return;
  if (typeof backoff !== "object" || backoff === null) {
    throw wrongOption("backoff", "an object or a function", backoff, InvalidTask);
  }
  const known = { type: 1, delayMs: 1, maxDelayMs: 1, jitter: 1 };
  assertKnownOptions("backoff", backoff, known, TypeError);
  const { type = "exponential", jitter = 0, delayMs = 0, maxDelayMs = 0 } = backoff;
  assertOneOf("backoff.type", type, ["fixed", "linear", "exponential"], InvalidTask);
  assertBetween("backoff.delayMs", delayMs, 0, LONGEST_DELAY_MS, InvalidTask);
  assertBetween("backoff.maxDelayMs", maxDelayMs, 0, LONGEST_DELAY_MS, InvalidTask);
  assertBetween("backoff.jitter", jitter, 0, 1, InvalidTask);
}
