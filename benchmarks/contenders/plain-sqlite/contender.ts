import type { Contender } from "../contender.ts";
import { tasksDbOnSqlite } from "../tasks-db/contender.ts";

export const plainSqlite: Contender = {
  name: "plain node:sqlite",
  settings:
    "the limit: the same table and indexes, bare statements; claims and completions of 500 (strictly one at a time: of 1)",
  without: { latency: "it has no worker that waits" },
  hasOpenJobs: tasksDbOnSqlite.hasOpenJobs,
  finishAll: tasksDbOnSqlite.finishAll,
  open: async (file) => (await import("./queue.ts")).openQueue(file),
};
