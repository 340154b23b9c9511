import type { Contender } from "../contender.ts";
import type { Settings } from "./queue.ts";

const common: Omit<Contender, "name" | "settings" | "open"> = {
  hasOpenJobs: `select exists (select 1 from graphile_worker._private_jobs job
    join graphile_worker._private_tasks task on task.id = job.task_id
    where task.identifier = 'bench' and job.run_at <= now())`,
  finishAll: "delete from graphile_worker._private_jobs",
};
const DELETES = "it deletes finished jobs";

/** What its documentation measures with. */
const TUNED: Settings = {
  concurrency: 24,
  worker: {
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

export const graphileTuned: Contender = {
  ...common,
  name: "graphile-worker 0.18 tuned",
  settings: `the settings its documentation measures with: concurrentJobs 24, maxPoolSize 25, localQueue of 500, completeJobBatchDelay 0, failJobBatchDelay 0 (strictly one at a time: concurrentJobs 1); ${DELETES}`,
  share: { "enqueue-sequential": 0.1, "enqueue-64": 0.1 },
  without: { "backlog-finished": DELETES },
  open: async (url) => (await import("./queue.ts")).openQueue(url, TUNED),
};

export const graphileDefault: Contender = {
  ...common,
  name: "graphile-worker 0.18 default",
  settings: `default settings but concurrentJobs 10 (strictly one at a time: 1); ${DELETES}`,
  share: { drain: 0.06, backlog: 0.06 },
  without: {
    "backlog-finished": DELETES,
    enqueue: "the same as tuned, which is about workers",
  },
  open: async (url) => (await import("./queue.ts")).openQueue(url, { concurrency: 10, worker: {} }),
};
