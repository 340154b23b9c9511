const NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** Stores ready rows, with every column an enqueue writes. */
export const INSERT = {
  name: "insert",
  text: `insert into tasks_results (id, backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata, args)
  select id, 'default', $3, 'bench', case when $4 then 2 else 1 end, 0, ${NOW} + case when $4 then 86400000 else 0 end,
    case when $4 then ${NOW} + 86400000 end, ${NOW}, 3, '{}', args
  from unnest($1::text[], $2::text[]) as job(id, args)`,
};

/** Stores one of them. */
export const INSERT_ONE = {
  name: "insert_one",
  text: `insert into tasks_results (id, backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata, args)
  values ($1, 'default', 'default', 'bench', 1, 0, ${NOW}, null, ${NOW}, 3, '{}', $2)`,
};

/** Takes the best ready rows, with every column a claim writes. */
export const CLAIM = {
  name: "claim",
  text: `update tasks_results set phase = 3, fence = fence + 1,
    started_at = coalesce(started_at, ${NOW}), last_attempted_at = ${NOW}, session_id = 'session', worker_ids = '["worker"]'
  where seq = any(array(
    select seq from tasks_results
    where phase = 1 and backend = 'default' and queue_name = 'default'
    order by priority desc, due, seq limit $1 for update skip locked))
  returning seq, args`,
};

/** Stores successes, with every column a completion writes, if the claims still stand. */
export const COMPLETE = {
  name: "complete",
  text: `update tasks_results set phase = 4, finished_at = ${NOW}, return_value = 'null'
  where seq = any($1::bigint[]) and phase + 0 = 3 and fence = 1`,
};
