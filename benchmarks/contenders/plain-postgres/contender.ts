import type { Contender } from "../contender.ts";
import { tasksDbOnServer } from "../tasks-db/contender.ts";

export const plainPostgres: Contender = {
  name: "plain pg",
  settings:
    "the limit: the same table and indexes, bare prepared statements; two connections that claim and complete 500 rows at a time (strictly one at a time: one connection, of 1)",
  share: { "enqueue-sequential": 0.25, "drain-one": 0.3 },
  without: { latency: "it has no worker that waits" },
  hasOpenJobs: tasksDbOnServer.hasOpenJobs,
  finishAll: tasksDbOnServer.finishAll,
  open: async (url) => (await import("./queue.ts")).openQueue(url),
};
