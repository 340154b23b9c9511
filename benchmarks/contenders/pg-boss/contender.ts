import type { Contender } from "../contender.ts";
import type { Settings } from "./queue.ts";

const common: Omit<Contender, "name" | "settings" | "open"> = {
  hasOpenJobs: `select exists (select 1 from pgboss.job
    where name = 'bench' and state < 'completed' and start_after <= now())`,
  finishAll:
    "update pgboss.job set state = 'completed', started_on = created_on, completed_on = created_on",
};

/** What its documentation gives for throughput and for latency. */
const BATCHED: Settings = {
  concurrency: 2,
  notify: true,
  work: { batchSize: 500, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
};

export const pgBossBatched: Contender = {
  ...common,
  name: "pg-boss 12 batched",
  settings:
    "batchSize 500, burstWhenBatchFull, localConcurrency 2, useListenNotify and notify, polling every 0.5 s (strictly one at a time: localConcurrency 1, the jobs of a batch one after another); keeps finished jobs",
  share: { "enqueue-sequential": 0.1, "enqueue-64": 0.1, drain: 0.5, backlog: 0.5 },
  open: async (url) => (await import("./queue.ts")).openQueue(url, BATCHED),
};

export const pgBossDefault: Contender = {
  ...common,
  name: "pg-boss 12 default",
  settings: "default settings but localConcurrency 10: each worker takes a job every 2 s",
  share: { "drain-one": 0.0002, drain: 0.0005, latency: 0.05 },
  pausesMs: [2000, 3000],
  without: {
    enqueue: "the same as batched, which is about workers",
    backlog: "it waits for its next look most of the time",
    "latency-tomorrow": "it waits for its next look most of the time",
  },
  open: async (url) =>
    (await import("./queue.ts")).openQueue(url, { concurrency: 10, notify: false, work: {} }),
};
