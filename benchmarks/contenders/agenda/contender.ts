import type { Contender } from "../contender.ts";

export const agenda: Contender = {
  name: "Agenda 6 on PostgreSQL",
  settings:
    "@agendajs/postgres-backend 3.0.6, default settings but concurrency 10 (strictly one at a time: 1); keeps finished jobs",
  share: { "enqueue-sequential": 0.2, "enqueue-64": 0.5, "drain-one": 0.06, drain: 0.03 },
  without: {
    "enqueue-bulk": "it has no bulk enqueue",
    backlog: "it has no bulk enqueue to build one with",
    "latency-tomorrow": "it has no bulk enqueue to schedule many with",
  },
  hasOpenJobs: `select exists (select 1 from agenda_jobs
    where name = 'bench' and next_run_at <= now() or locked_at is not null)`,
  finishAll:
    "update agenda_jobs set next_run_at = null, last_run_at = created_at, last_finished_at = created_at",
  open: async (url) => (await import("./queue.ts")).openQueue(url),
};
