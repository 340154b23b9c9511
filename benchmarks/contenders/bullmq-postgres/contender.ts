import type { Contender } from "../contender.ts";

export const bullmqPostgres: Contender = {
  name: "BullMQ 6 on PostgreSQL",
  settings: "default settings but concurrency 10 (strictly one at a time: 1); keeps finished jobs",
  share: { "enqueue-sequential": 0.1, "enqueue-64": 0.1, drain: 0.06, backlog: 0.06 },
  hasOpenJobs: `select exists (select 1 from bullmq.job where queue = 'bench' and state in ('waiting', 'active'))`,
  finishAll:
    "update bullmq.job set state = 'completed', return_value = 'null', processed_at_ms = added_at_ms, finished_at_ms = added_at_ms",
  open: async (url) => (await import("./queue.ts")).openQueue(url),
};
