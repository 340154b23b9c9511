const NOW = "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)";
const INDEX = "force index (tasks_results_phase)";
/** The rows of a list of numbers. */
const BY_NUMBER = "straight_join tasks_results r force index (primary) on r.seq = t.seq";
const NUMBERS = "json_table(?, '$[*]' columns (seq bigint path '$')) t";

/** Stores ready rows with every column an enqueue writes. Parameters: rows as JSON, pairs of id and arguments; queue; phase; delay in milliseconds, twice. */
export const INSERT = `insert into tasks_results (id, backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata, args)
  with job as (select * from json_table(?, '$[*]' columns (id varchar(64) path '$[0]', args longtext path '$[1]')) t)
  select id, 'default', ?, 'bench', ?, 0, ${NOW} + ?, nullif(${NOW} + ?, ${NOW}), ${NOW}, 3, '{}', args from job`;

/** Stores one ready row. */
export const INSERT_ONE = `insert into tasks_results (id, backend, queue_name, task_name, phase, priority, due, run_after, enqueued_at, max_lost, metadata, args)
  values (?, 'default', 'default', 'bench', 1, 0, ${NOW}, null, ${NOW}, 3, '{}', ?)`;

/** Looks for the best ready rows. */
export const FIND = `select seq from tasks_results ${INDEX} where backend = 'default' and phase = 1 and lane = 'default' order by place, finished_at, due, seq limit ?`;

/** Locks those that nobody else is taking. */
export const LOCK = `select r.seq, r.args from ${NUMBERS} ${BY_NUMBER} where r.phase = 1 limit ? for update skip locked`;

/** Takes them, with every column a claim writes. */
export const CLAIM = `update ${NUMBERS} ${BY_NUMBER} set r.phase = 3, r.fence = r.fence + 1, r.started_at = coalesce(r.started_at, ${NOW}),
  r.last_attempted_at = ${NOW}, r.session_id = ?, r.worker_ids = '["worker"]'`;

/** Stores successes, with every column a completion writes, if the claims still stand. */
export const COMPLETE = `update ${NUMBERS} ${BY_NUMBER} set r.phase = 4, r.finished_at = ${NOW}, r.return_value = 'null' where r.phase = 3 and r.fence = 1`;
