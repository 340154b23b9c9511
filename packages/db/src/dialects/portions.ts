/** Text in one statement, in characters. Servers and drivers have limits of a few hundred megabytes, and memory has some before that. */
const MOST_TEXT = 8_000_000;

/** Splits items, so that the text of each portion stays within what a statement may carry. An item that is too large makes a portion of its own. */
export function inPortions<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
): readonly (readonly Item[])[] {
  const portions: Item[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const itemSize = sizeOf(item);
    size += itemSize;
    if (size > MOST_TEXT) {
      portions.push([]);
      size = itemSize;
    }
    portions.at(-1)!.push(item);
  }
  return portions;
}
