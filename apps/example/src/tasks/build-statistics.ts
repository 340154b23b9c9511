import {
  defaultTaskBackend,
  SnoozeTask,
  task,
  TaskResultDoesNotExist,
  type Task,
} from "@tasks/core";

import { sharedIndex } from "../search/shared-index.ts";
import { countStatistics, storeStatistics } from "../search/statistics.ts";

/** How long to wait for documents that are still being indexed, in milliseconds. */
const LOOK_AGAIN_MS = 100;

/** Counts what a folder holds, once all of its documents are done. */
export const buildStatistics: Task<[folder: string], null> = task(
  {
    name: "build_statistics",
    // After every document that is ready.
    priority: -100,
    maxAttempts: 8,
    backoff: { type: "exponential", delayMs: 100, maxDelayMs: 5000 },
    unique: { key: (folder) => folder, scope: "until-started" },
  },
  async (folder: string) => {
    const index = sharedIndex();
    for (const id of index.awaitedTasks(folder)) {
      // Snoozing is no failure and uses up no attempt.
      if (await isUnfinished(id)) throw new SnoozeTask({ delayMs: LOOK_AGAIN_MS });
    }
    storeStatistics(index, folder, countStatistics(index, folder));
  },
);

/** A task that has failed for good, or was pruned, is not waited for. */
async function isUnfinished(id: string): Promise<boolean> {
  try {
    return !(await defaultTaskBackend.getResult(id)).isFinished;
  } catch (error) {
    if (TaskResultDoesNotExist.is(error)) return false;
    throw error;
  }
}
