import { InvalidTaskBackend } from "./errors.ts";
import { assertWhole } from "./internal/assert-option.ts";

/**
 * An option of a backend that is a whole number.
 *
 * @throws InvalidTaskBackend unless it is one in the range.
 */
export function wholeNumber(option: string, value: unknown, min: number, max: number): number {
  assertWhole(option, value, min, max, InvalidTaskBackend);
  return value;
}
