import { isDate } from "node:util/types";

import { InvalidTask } from "./errors.ts";
import { assertBetween, wrongOption } from "./internal/assert-option.ts";
import { isPlain } from "./json.ts";
import { assertKnownOptions } from "./known-options.ts";

/** A delay from the moment of the enqueue; parts add up. */
export interface RelativeTime {
  readonly days?: number | undefined;
  readonly hours?: number | undefined;
  readonly minutes?: number | undefined;
  readonly seconds?: number | undefined;
  readonly milliseconds?: number | undefined;
}

/** A moment that is not a `Date`: `Temporal.Instant` and `Temporal.ZonedDateTime` are of this shape. */
export interface Moment {
  readonly epochMilliseconds: number;
}

/** When a task may run at the earliest: a moment, or a delay counted from the enqueue. */
export type RunAfter = Date | RelativeTime;

const MS_PER_UNIT = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
} as const;

/** The last moment stores can keep: the end of the year 9999. */
const LATEST = Date.UTC(10_000, 0, 1) - 1;
/** The longest delay accepted anywhere, in milliseconds. */
export const LONGEST_DELAY_MS: number = 1000 * 366 * MS_PER_UNIT.days;

/**
 * Checks a `runAfter` and copies it, so that a later change of the caller's object has no effect.
 *
 * @throws InvalidTask for an invalid date, a date outside the years 1970–9999, an unknown unit, a negative or non-finite part, or a delay over 1000 years.
 */
export function checkedRunAfter(value: unknown): RunAfter | null {
  if (value === null) return null;
  if (isDate(value)) return checkedDate(value);
  if (isMoment(value)) return checkedDate(new Date(value.epochMilliseconds));
  if (isPlainObject(value)) return checkedRelative(value);
  throw wrongOption("runAfter", "a Date or an object such as { minutes: 10 }", value, InvalidTask);
}

/** The length of a relative time in milliseconds. */
export function toMilliseconds(relative: RelativeTime): number {
  let total = 0;
  for (const [unit, factor] of Object.entries(MS_PER_UNIT)) {
    total += (relative[unit as keyof RelativeTime] ?? 0) * factor;
  }
  return Math.round(total);
}

function isMoment(value: unknown): value is Moment {
  return typeof (value as Partial<Moment> | undefined)?.epochMilliseconds === "number";
}

function isPlainObject(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && isPlain(value) && Object.keys(value).length > 0
  );
}

function checkedDate(value: Date): Date {
  const time = value.getTime();
  if (time >= 0 && time <= LATEST) return new Date(time);
  const shown = Number.isNaN(time) ? "Invalid Date" : value.toISOString();
  throw new InvalidTask(`runAfter must be a Date in the years 1970 to 9999, not ${shown}.`);
}

function checkedRelative(value: object): RelativeTime {
  assertKnownOptions("runAfter", value as RelativeTime, MS_PER_UNIT, InvalidTask);
  for (const [unit, amount] of Object.entries(value) as [string, unknown][]) {
    if (amount === undefined) continue;
    assertBetween(`runAfter.${unit}`, amount, 0, LONGEST_DELAY_MS, InvalidTask);
  }
  const relative: RelativeTime = Object.freeze({ ...value });
  if (toMilliseconds(relative) <= LONGEST_DELAY_MS) return relative;
  throw new InvalidTask("runAfter must not be more than 1000 years away.");
}
