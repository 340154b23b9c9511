import { assertWhole } from "./internal/assert-option.ts";

/**
 * An option of a backend that is a whole number.
 *
 * @throws InvalidOption unless it is one in the range.
 */
export function wholeNumber(option: string, value: unknown, min: number, max: number): number {
  assertWhole(option, value, min, max);
  return value;
}
