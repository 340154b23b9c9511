import type { Contender } from "../contender.ts";

export const liteque: Contender = {
  name: "liteque 0.8.0",
  settings:
    "on libsql 0.5.29, since better-sqlite3 13 refuses its claims; concurrency 10, looks every 2 ms (strictly one at a time: concurrency 1); deletes finished jobs",
  share: { "": 0.04 },
  without: { backlog: "it keeps no finished jobs and has no bulk enqueue to build one with" },
  hasOpenJobs:
    "select exists (select 1 from tasks where queue = 'bench' and availableAt <= unixepoch('subsec') * 1000)",
  finishAll: "delete from tasks",
  open: async (file) => (await import("./queue.ts")).openQueue(file),
};
