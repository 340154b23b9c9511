import type { Executor } from "../connection.ts";
import { toNumber } from "../rows.ts";

/** Characters that charsets, escapes and clients are known to change. */
const PROBE = `a'b"c\\d é 🙂`;
/** A text that a careless client takes for a number. */
const DIGITS = "0123";
const NUMBER = 4_503_599_627_370_497;

/**
 * Sends a text and reads it back, with a number.
 *
 * @param placeholders of two parameters, as texts.
 * @returns what speaks against the connection, to go on from "The connection …".
 */
export async function examineValues(
  executor: Executor,
  placeholders: readonly [string, string],
): Promise<string | undefined> {
  const [row] = await executor.query(
    `select ${placeholders[0]} as probe_text, ${placeholders[1]} as probe_digits, ${NUMBER} as probe_number`,
    [PROBE, DIGITS],
  );
  if (row === undefined || Array.isArray(row) || !("probe_text" in row)) {
    return "does not give rows as objects by the names of their columns. Leave out options of its client that change the shape of rows";
  }
  if (row["probe_text"] !== PROBE) {
    return `changes texts: ${show(PROBE)} came back as ${show(row["probe_text"])}. It needs a charset with every character, such as utf8mb4, no NO_BACKSLASH_ESCAPES, and a client that leaves values as they are`;
  }
  if (row["probe_digits"] !== DIGITS) {
    return `changes texts of digits: ${show(DIGITS)} came back as ${show(row["probe_digits"])}. Leave out options of its client that change values`;
  }
  return toNumber(row["probe_number"]) === NUMBER
    ? undefined
    : `changes numbers: ${NUMBER} came back as ${show(row["probe_number"])}. Leave out options of its client that change values`;
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value).slice(0, 80);
}
