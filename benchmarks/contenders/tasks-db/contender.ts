import type { Contender } from "../contender.ts";

export const tasksDb: Contender = {
  name: "@tasks/db",
  settings: "default settings (concurrency 10; strictly one at a time: concurrency 1)",
  share: 1,
  hasOpenJobsSql: `select
    exists (select 1 from tasks_results where phase = 1 and backend = 'default' and queue_name = 'default')
    or exists (select 1 from tasks_results where phase = 3 and backend = 'default')`,
  finishAllSql: `update tasks_results set phase = 4, fence = 1, started_at = enqueued_at,
    last_attempted_at = enqueued_at, finished_at = enqueued_at, worker_ids = '["worker"]', return_value = 'null'`,
  open: async (file) => (await import("./queue.ts")).openQueue(file),
};
