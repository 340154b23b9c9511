/** Stores one ready row, with every column an enqueue writes. */
export const INSERT = `insert into tasks_results
  (id_tail, backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata, args)
  values (?, 'default', ?, 'bench', ?, 0, ?, ?, ?, 3, '{}', ?)`;

/** Takes the best ready rows, with every column a claim writes. */
export const CLAIM = `update tasks_results set phase = 3, fence = fence + 1,
  started_at = coalesce(started_at, ?1), last_attempted_at = ?1, session_id = 'session', worker_ids = '["worker"]'
  where seq in (
    select seq from tasks_results
    where phase = 1 and backend = 'default' and queue_name = 'default'
    order by priority desc, due, seq limit ?2)
  returning seq, fence, args`;

/** Stores one success, with every column a completion writes, if the claim still stands. */
export const COMPLETE = `update tasks_results set phase = 4, finished_at = ?, return_value = 'null'
  where seq = ? and fence = ? and phase = 3`;
