import { inspect } from "node:util";

/** A value as text for people: of bounded depth and length, and never failing, whatever the value does when it is read. */
export function inspectValue(value: unknown): string {
  try {
    return inspect(value, {
      depth: 4,
      maxArrayLength: 50,
      maxStringLength: 2000,
      breakLength: Number.POSITIVE_INFINITY,
    });
  } catch {
    return "(a value that cannot be read)";
  }
}
