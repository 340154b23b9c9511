import { InvalidTask } from "../errors.ts";
import { show } from "./show.ts";

/** @throws InvalidTask unless the value is a number in the range. */
export function assertBetween(option: string, value: unknown, min: number, max: number): void {
  const isInside = Number.isFinite(value) && (value as number) >= min && (value as number) <= max;
  if (!isInside) throw wrongOption(option, `between ${min} and ${max}`, value);
}

/** @throws InvalidTask, or the error that is given, unless the value is a whole number in the range. */
export function assertWhole(
  option: string,
  value: unknown,
  min: number,
  max: number,
  Problem: new (message: string) => Error = InvalidTask,
): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw wrongOption(option, `a whole number between ${min} and ${max}`, value, Problem);
}

/** @throws InvalidTask unless the value is one of those allowed. */
export function assertOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (allowed.includes(value as string)) return;
  throw wrongOption(option, allowed.map(show).join(" or "), value);
}

/** The error for an option that is not what it must be. */
export function wrongOption(
  option: string,
  expected: string,
  value: unknown,
  Problem: new (message: string) => Error = InvalidTask,
): Error {
  return new Problem(`${option} must be ${expected}, not ${show(value)}.`);
}
