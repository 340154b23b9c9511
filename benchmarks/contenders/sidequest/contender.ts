import type { Contender } from "../contender.ts";

export const sidequest: Contender = {
  name: "Sidequest",
  settings:
    "concurrency 10 in the worker's own process (runner inline, no fork), looking every 10 ms (strictly one at a time: concurrency 1)",
  share: { "enqueue-sequential": 0.1, enqueue: 0.05, "drain-one": 0.03, drain: 0.02 },
  without: {
    backlog: "it stores one job at a time: a backlog takes too long",
    "latency-tomorrow": "the same",
  },
  hasOpenJobs:
    "select exists (select 1 from sidequest_jobs where queue = 'default' and state in ('waiting', 'claimed', 'running') and available_at <= utc_timestamp(3))",
  finishAll: "update sidequest_jobs set state = 'completed', completed_at = utc_timestamp(3)",
  open: async (url) => (await import("./queue.ts")).openQueue(url),
};
