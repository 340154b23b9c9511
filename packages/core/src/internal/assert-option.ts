import { InvalidOption } from "../errors.ts";
import { show } from "./show.ts";

/** Class of the error for a wrong option: `InvalidOption`, or `InvalidTask` for the options of a task. */
type Problem = new (message: string) => Error;

/** @throws InvalidOption, or the given error, unless the value is a number in the range. */
export function assertBetween(
  option: string,
  value: unknown,
  min: number,
  max: number,
  problem?: Problem,
): void {
  const isInside = Number.isFinite(value) && (value as number) >= min && (value as number) <= max;
  if (!isInside) throw wrongOption(option, `between ${min} and ${max}`, value, problem);
}

/** @throws InvalidOption, or the given error, unless the value is a whole number in the range. */
export function assertWhole(
  option: string,
  value: unknown,
  min: number,
  max: number,
  problem?: Problem,
): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw wrongOption(option, `a whole number between ${min} and ${max}`, value, problem);
}

/** @throws InvalidOption, or the given error, unless the value is one of those allowed. */
export function assertOneOf(
  option: string,
  value: unknown,
  allowed: readonly string[],
  problem?: Problem,
): void {
  if (allowed.includes(value as string)) return;
  throw wrongOption(option, allowed.map(show).join(" or "), value, problem);
}

/** The error for an option that is not what it must be. */
export function wrongOption(
  option: string,
  expected: string,
  value: unknown,
  problem: Problem = InvalidOption,
): Error {
  return new problem(`${option} must be ${expected}, not ${show(value)}.`);
}
