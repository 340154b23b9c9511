import type { TaskResult } from "@tasks/core";

import { dataFolder, databaseFile } from "../places.ts";
import type { SearchIndex } from "../search/search-index.ts";
import type { Counted, Statistics } from "../search/statistics.ts";
import { counted, toCount, toLine, toTable } from "../terminal/text.ts";
import { printHits, shortPath } from "./search-documents.ts";

/** What the workers did. */
export interface Work {
  /** One per document. */
  readonly results: readonly TaskResult[];
  readonly statistics: TaskResult;
  /** From the start of the worker processes to the end of the last task. */
  readonly seconds: number;
  /** Number of worker processes. */
  readonly workers: number;
}

const MOST_PROBLEMS = 5;

/** Prints what a folder holds, what the workers did, one search, and what to try next. */
export function printReport(
  folder: string,
  statistics: Statistics,
  work: Work | null,
  index: SearchIndex,
): void {
  const { files, indexed, words, links, problems, topTerms, topHosts } = statistics;
  const table = toTable([
    ["Files", `${toCount(files)} named *.md; symbolic links are not followed`],
    ["Indexed", toCount(indexed)],
    ["Failures", toCount(problems.length)],
    ["Words", toCount(words)],
    ["Links", toCount(links)],
    ["Top terms", listCounted(topTerms)],
    ["Top hosts", listCounted(topHosts)],
    ...workRows(work),
  ]);
  console.log(`\n${table}\n`);
  printProblems(statistics);
  const [term] = topTerms;
  if (term !== undefined) {
    printHits(term.name, index.search(term.name, 3, folder));
    console.log();
  }
  printNext(folder);
}

function workRows(work: Work | null): [string, string][] {
  if (work === null) return [["Tasks", "none: nothing has changed since the last run"]];
  const { results, statistics, seconds, workers } = work;
  const all = [...results, statistics];
  const retries = all.reduce((sum, { attempts }) => sum + Math.max(0, attempts - 1), 0);
  const rate = toCount(Math.round(all.length / seconds));
  const rows: [string, string][] = [
    ["Tasks", `${toCount(all.length)} in ${seconds.toFixed(1)} s by ${workers} worker processes`],
    ["Tasks per second", `${rate}, the start of the processes included`],
    ["Retries", `${toCount(retries)}, where the index was locked by another process`],
  ];
  if (statistics.status === "FAILED") {
    rows.push(["Statistics", `failed: ${toLine(statistics.errors.at(-1)?.message ?? "")}`]);
  }
  return rows;
}

function listCounted(entries: readonly Counted[]): string {
  return entries.map(({ name, count }) => `${name} ${toCount(count)}`).join(", ") || "none";
}

function printProblems({ problems }: Statistics): void {
  if (problems.length === 0) return;
  console.log(`${counted(problems.length, "file")} could not be indexed:\n`);
  for (const { problem } of problems.slice(0, MOST_PROBLEMS)) console.log(`  ${toLine(problem)}`);
  const more = problems.length - MOST_PROBLEMS;
  if (more > 0) console.log(`  … and ${more} more`);
  console.log();
}

function printNext(folder: string): void {
  console.log("Where it is, and what to try next:\n");
  const next = toTable([
    ["Database", shortPath(databaseFile)],
    ["Worker logs", shortPath(dataFolder)],
    ["Index again", `npm start -- ${quoted(shortPath(folder))}`],
    ["Another folder", "npm start -- ./my/folder"],
    ["Search", 'npm start -- search "words"'],
    ["Look at tasks", "npm start -- tasks list --status FAILED"],
    ["All commands", "npm start -- tasks --help"],
  ]);
  console.log(next);
}

function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : JSON.stringify(path);
}
