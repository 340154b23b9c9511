import { DiscardTask, task, type Task } from "@tasks/core";

import { parseMarkdown } from "../documents/parse-markdown.ts";
import { BrokenDocument, readDocument } from "../documents/read-document.ts";
import { sharedIndex } from "../search/shared-index.ts";

/** What became of a document. */
export interface IndexedDocument {
  readonly title: string | null;
  readonly words: number;
  readonly links: number;
}

/** Reads one file and puts it into the search index. */
export const indexDocument: Task<[path: string], IndexedDocument> = task(
  {
    name: "index_document",
    queueName: "documents",
    // The index may be locked by another process at this moment. That passes.
    maxAttempts: 8,
    backoff: { type: "exponential", delayMs: 100, maxDelayMs: 5000 },
    timeoutMs: 30_000,
    // A file that waits already need not wait twice. Once its task has started, a change of the file is a reason for another one.
    unique: { key: (path) => path, scope: "until-started" },
  },
  async (path: string): Promise<IndexedDocument> => {
    const text = await readOrDiscard(path);
    const document = parseMarkdown(text);
    sharedIndex().store(path, document);
    return { title: document.title, words: document.words, links: document.links.length };
  },
);

/** A broken file stays broken, however often it is tried. */
async function readOrDiscard(path: string): Promise<string> {
  try {
    return await readDocument(path);
  } catch (error) {
    if (!(error instanceof BrokenDocument)) throw error;
    sharedIndex().storeProblem(path, error.message);
    throw new DiscardTask(error.message, { cause: error });
  }
}
