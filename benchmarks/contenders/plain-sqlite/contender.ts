import type { Contender } from "../contender.ts";
import { tasksDb } from "../tasks-db/contender.ts";

export const plainSqlite: Contender = {
  name: "plain node:sqlite",
  settings:
    "the limit: the same table and indexes, bare statements; claims and completions of 500 (strictly one at a time: of 1)",
  share: 1,
  without: { latency: "it has no worker that waits" },
  hasOpenJobsSql: tasksDb.hasOpenJobsSql,
  finishAllSql: tasksDb.finishAllSql,
  open: async (file) => (await import("./queue.ts")).openQueue(file),
};
