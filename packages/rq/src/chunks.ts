import type { ScriptValue } from "./connection/redis-store.ts";

/** Max items of one script, and about how many characters, so that neither the server nor the event loop is held up. */
const CHUNK_ITEMS = 500;
const CHUNK_TEXT = 4 * 2 ** 20;

/** Values of many items, an array for each, as arguments of as few scripts as the bounds allow. An item that is larger than a bound is by itself. */
export function* inChunks(
  items: Iterable<readonly ScriptValue[]>,
  most: number = CHUNK_ITEMS,
): Generator<ScriptValue[]> {
  let chunk: ScriptValue[] = [];
  let [count, text] = [0, 0];
  for (const item of items) {
    let own = 0;
    for (const value of item) own += typeof value === "string" ? value.length : 8;
    if (count === most || (count > 0 && text + own > CHUNK_TEXT)) {
      yield chunk;
      chunk = [];
      [count, text] = [0, 0];
    }
    chunk.push(...item);
    count++;
    text += own;
  }
  if (count > 0) yield chunk;
}
