import { appendFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

import { task, type Task } from "@tasks/core";

/** Notes in a file that it ran, with what, and in which process. */
export const writeJournal: Task<[path: string, entry: number], null> = task(
  { name: "file_backend.write_journal" },
  async (path: string, entry: number) => {
    await appendFile(path, `${entry} ${process.pid}\n`);
    await pause(5);
  },
);
