import type { TaskResult } from "@tasks/core";

import { backend } from "./backend.ts";
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
 * Document rows and tasks are written in one transaction: there is no row without its task, no task without its row, and after a crash in the middle
 * neither.
 */
export async function enqueueDocuments(folder: string): Promise<EnqueuedDocuments> {
  const files = await findDocuments(folder);
  using index = SearchIndex.open(10_000);
  // The tables must be there before a transaction of ours keeps others from creating them.
  await backend.migrate();
  const { database: transaction } = index;
  transaction.exec("begin immediate");
  try {
    const changed = files.filter((file) => index.needs(file));
    const removed = index.removeMissing(folder, files);
    const results = await indexDocument
      .using({ transaction })
      .enqueueMany(changed.map(({ path }) => [path]));
    for (const [position, file] of changed.entries()) index.addQueued(file, results[position]!.id);
    const isNew = files.length > 0 && readStatistics(index, folder) === undefined;
    const statistics =
      changed.length + removed > 0 || isNew
        ? await buildStatistics.using({ transaction }).enqueue(folder)
        : null;
    transaction.exec("commit");
    return { files, results, statistics };
  } catch (error) {
    transaction.exec("rollback");
    throw error;
  }
}
