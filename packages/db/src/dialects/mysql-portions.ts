import type { SqlValue } from "../connection.ts";
import { inPortions } from "./portions.ts";

/** Bytes that a character may take on its way, quotes and backslashes in JSON within JSON included. A packet holds sixteen megabytes by default, not more. */
const MOST_BYTES_PER_CHARACTER = 4;

/** Splits rows, so that each portion fits into one packet of a server with default settings. A row that is too large makes a portion of its own. */
export function inMysqlPortions<Item extends readonly SqlValue[]>(
  rows: readonly Item[],
): readonly (readonly Item[])[] {
  return inPortions(rows, (row) => {
    let size = 0;
    for (const value of row) if (typeof value === "string") size += value.length;
    return size * MOST_BYTES_PER_CHARACTER;
  });
}
