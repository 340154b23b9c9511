import { task, type Task } from "@tasks/core";

import { enqueueDocuments } from "../enqueue-documents.ts";

/** Looks for new, changed and removed files, and has them indexed. Runs every night; see the schedules in `tasks.config.ts`. */
export const refreshFolder: Task<[folder: string], { files: number; enqueued: number }> = task(
  { name: "refresh_folder", maxAttempts: 3 },
  async (folder: string) => {
    const { files, results } = await enqueueDocuments(folder);
    return { files: files.length, enqueued: results.length };
  },
);
