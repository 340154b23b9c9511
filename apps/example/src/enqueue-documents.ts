import type { TaskResult } from "@tasks/core";

import { backend, prepareBackend } from "./backend.ts";
import { findDocuments, type FoundFile } from "./documents/find-documents.ts";
import { SearchIndex } from "./search/search-index.ts";
import { readStatistics } from "./search/statistics.ts";
import { buildStatistics } from "./tasks/build-statistics.ts";
import { indexDocument, type IndexedDocument } from "./tasks/index-document.ts";

/** What was found, and the tasks that were enqueued for it. */
export interface EnqueuedDocuments {
  readonly files: readonly FoundFile[];
  /** One per file that is new or has changed. */
  readonly results: readonly TaskResult<IndexedDocument>[];
  /** Finishes after them; `null` when there was nothing to do. */
  readonly statistics: TaskResult<null> | null;
}

/**
 * Finds the documents of a folder and enqueues a task for each that is new or has changed.
 *
 * Where tasks are kept in the same database, document rows and tasks are written in one transaction: there is no row without its task, no task without
 * its row, and after a crash in the middle neither. Elsewhere the rows come first: a run that dies before it has enqueued their tasks leaves them to the
 * next, which enqueues each of them once, as the tasks are unique.
 */
export async function enqueueDocuments(folder: string): Promise<EnqueuedDocuments> {
  const files = await findDocuments(folder);
  using index = SearchIndex.open(10_000);
  // The tables must be there before a transaction of ours keeps others from creating them.
  await prepareBackend();
  const isInDatabase = backend.supports.transaction === "atomic";
  const enqueue = isInDatabase ? enqueueWithRows : enqueueAfterRows;
  // Awaited here: the index is closed when this function returns.
  return await enqueue(folder, files, index);
}

async function enqueueWithRows(
  folder: string,
  files: readonly FoundFile[],
  index: SearchIndex,
): Promise<EnqueuedDocuments> {
  const { database: transaction } = index;
  return index.inTransaction(async () => {
    const { changed, isChanged } = findChanges(folder, files, index);
    const results = await indexDocument
      .using({ transaction })
      .enqueueMany(changed.map(({ path }) => [path]));
    for (const [position, file] of changed.entries()) index.addQueued(file, results[position]!.id);
    const statistics = isChanged
      ? await buildStatistics.using({ transaction }).enqueue(folder)
      : null;
    return { files, results, statistics };
  });
}

async function enqueueAfterRows(
  folder: string,
  files: readonly FoundFile[],
  index: SearchIndex,
): Promise<EnqueuedDocuments> {
  const { changed, isChanged } = await index.inTransaction(async () => {
    const changes = findChanges(folder, files, index);
    for (const file of changes.changed) index.addQueued(file);
    return changes;
  });
  const results = await indexDocument.enqueueMany(changed.map(({ path }) => [path]));
  await index.inTransaction(async () => {
    for (const [position, { path }] of changed.entries()) {
      index.noteTask(path, results[position]!.id);
    }
  });
  const statistics = isChanged ? await buildStatistics.enqueue(folder) : null;
  return { files, results, statistics };
}

/** What is to be indexed, and whether the statistics are to be built anew. */
function findChanges(
  folder: string,
  files: readonly FoundFile[],
  index: SearchIndex,
): { readonly changed: readonly FoundFile[]; readonly isChanged: boolean } {
  const changed = files.filter((file) => index.needs(file));
  const removed = index.removeMissing(folder, files);
  const isNew = files.length > 0 && readStatistics(index, folder) === undefined;
  return { changed, isChanged: changed.length + removed > 0 || isNew };
}
