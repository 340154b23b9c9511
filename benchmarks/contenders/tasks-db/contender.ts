import type { Contender } from "../contender.ts";

const common: Omit<Contender, "open"> = {
  name: "@tasks/db",
  settings: "default settings (concurrency 10; strictly one at a time: concurrency 1)",
  hasOpenJobs: `select
    exists (select 1 from tasks_results where phase = 1 and backend = 'default' and queue_name = 'default')
    or exists (select 1 from tasks_results where phase = 3 and backend = 'default')`,
  finishAll: `update tasks_results set phase = 4, fence = 1, started_at = enqueued_at,
    last_attempted_at = enqueued_at, finished_at = enqueued_at, worker_ids = '["worker"]', return_value = 'null'`,
};

export const tasksDbOnSqlite: Contender = {
  ...common,
  open: async (file) => (await import("./queue.ts")).openQueue(`sqlite:${file}`),
};

export const tasksDbOnServer: Contender = {
  ...common,
  // Each of them waits for the disk.
  share: { "enqueue-sequential": 0.25 },
  open: async (url) => (await import("./queue.ts")).openQueue(url),
};
