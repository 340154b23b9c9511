import type { Contender } from "../contender.ts";

export const plainjob: Contender = {
  name: "plainjob 0.0.14",
  settings:
    "better-sqlite3 13.2.0; 10 workers a process that look every 2 ms each, no logging (strictly one at a time: 1 worker)",
  share: { "": 0.2 },
  hasOpenJobs: `select
    exists (select 1 from plainjob_jobs where status = 0 and type = 'bench' and next_run_at <= unixepoch('subsec') * 1000)
    or exists (select 1 from plainjob_jobs where status = 1)`,
  finishAll: "update plainjob_jobs set status = 2",
  open: async (file) => (await import("./queue.ts")).openQueue(file),
};
