/** Rows in one statement or step of a large batch, so that neither memory nor the event loop feels its size. */
export const CHUNK_ROWS = 1000;

/** Splits items into chunks of that size. */
export function inChunks<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length <= CHUNK_ROWS) return [items];
  const chunks: (readonly Item[])[] = [];
  for (let start = 0; start < items.length; start += CHUNK_ROWS) {
    chunks.push(items.slice(start, start + CHUNK_ROWS));
  }
  return chunks;
}
