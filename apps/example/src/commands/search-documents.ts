import { existsSync } from "node:fs";
import { relative } from "node:path";

import { FriendlyError } from "../friendly-error.ts";
import { databaseFile } from "../places.ts";
import { SearchIndex, type Hit } from "../search/search-index.ts";
import { toLine } from "../terminal/text.ts";

const MOST_HITS = 5;

/** Answers a search. @throws FriendlyError when there is nothing to search in, or for. */
export async function searchDocuments(words: string): Promise<void> {
  if (words.trim() === "") {
    throw new FriendlyError('Name the words to look for: npm start -- search "some words"');
  }
  if (!existsSync(databaseFile)) {
    throw new FriendlyError("Nothing is indexed yet. Run: npm start");
  }
  using index = SearchIndex.open(5000);
  printHits(words, index.search(words, MOST_HITS));
}

/** Prints what was found. */
export function printHits(words: string, hits: readonly Hit[]): void {
  if (hits.length === 0) {
    console.log(`No document holds all of: ${toLine(words)}`);
    return;
  }
  console.log(`Search for "${toLine(words)}", best first:\n`);
  for (const { title, passage, path } of hits) {
    console.log(`  ${toLine(title)}`);
    console.log(`    ${toLine(passage)}`);
    console.log(`    ${toLine(shortPath(path))}`);
  }
}

/** A path as a user would type it, where that is shorter. */
export function shortPath(path: string): string {
  const fromHere = relative(process.env["INIT_CWD"] ?? process.cwd(), path);
  return fromHere.length < path.length && !fromHere.startsWith("..") ? fromHere : path;
}
