import { SearchIndex } from "./search-index.ts";

let shared: SearchIndex | undefined;

/**
 * The index that all tasks of this process write to. It waits for a locked database only briefly, because waiting holds up every other task here: a
 * task that finds the index locked fails its attempt, and is tried again a moment later.
 */
export function sharedIndex(): SearchIndex {
  shared ??= SearchIndex.open(200);
  return shared;
}
