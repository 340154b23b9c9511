import { setTimeout as pause } from "node:timers/promises";

import { defaultTaskBackend, type TaskResult } from "@tasks/core";

import { toFolder } from "../documents/find-documents.ts";
import { enqueueDocuments, type EnqueuedDocuments } from "../enqueue-documents.ts";
import { FriendlyError } from "../friendly-error.ts";
import { createInterruption } from "../interruption.ts";
import { SearchIndex } from "../search/search-index.ts";
import { countStatistics, readStatistics } from "../search/statistics.ts";
import { Progress } from "../terminal/progress.ts";
import { counted } from "../terminal/text.ts";
import { WorkerProcesses } from "../worker-processes.ts";
import { printReport, type Work } from "./print-report.ts";
import { shortPath } from "./search-documents.ts";

const WORKERS = 2;
/** How often progress is looked at, in milliseconds. */
const LOOK_EVERY_MS = 100;

/** Indexes every document of a folder with worker processes of its own, and prints what was found. @throws FriendlyError */
export async function indexFolder(path: string): Promise<void> {
  const folder = await toFolder(path);
  const enqueued = await enqueueDocuments(folder);
  if (enqueued.files.length === 0) {
    throw new FriendlyError(`There is no file named *.md in ${folder} or its folders.`);
  }
  const total = enqueued.files.length;
  const { length: changed } = enqueued.results;
  console.log(`${counted(total, "Markdown file")} in ${shortPath(folder)}, ${changed} to index.`);
  const work =
    enqueued.statistics === null ? null : await runWorkers(enqueued, enqueued.statistics);
  using index = SearchIndex.open(5000);
  printReport(folder, readStatistics(index, folder) ?? countStatistics(index, folder), work, index);
}

/** Runs workers until the statistics are built, which is after everything else. */
async function runWorkers(
  { results }: EnqueuedDocuments,
  statistics: TaskResult<null>,
): Promise<Work> {
  const interruption = createInterruption();
  const startedMs = performance.now();
  const progress = new Progress(process.stdout, results.length + 1);
  await using workers = await WorkerProcesses.start(WORKERS);
  progress.show(0);
  while (!(await statistics.refresh()).isFinished) {
    workers.assertAlive();
    progress.show(results.length - (await countUnfinished(results.length)));
    await pause(LOOK_EVERY_MS);
    if (interruption.aborted) progress.end();
    interruption.throwIfAborted();
  }
  progress.show(results.length + 1);
  progress.end();
  const seconds = (performance.now() - startedMs) / 1000;
  for (const result of results) await result.refresh();
  return { results, statistics, seconds, workers: WORKERS };
}

/** Counted on the queue, because asking for each result would keep the database busier than the work. */
async function countUnfinished(atMost: number): Promise<number> {
  const { READY, RUNNING } = await defaultTaskBackend.counts({ queueName: "documents" });
  return Math.min(READY + RUNNING, atMost);
}
