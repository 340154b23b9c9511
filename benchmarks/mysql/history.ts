import type { Connection } from "mysql2/promise";

const DAY_MS = 86_400_000;
/** Rows in one statement. */
const CHUNK = 50_000;

/** Rows that stand in nobody's way, or should not: finished ones, 200,000 due tomorrow, 100,000 ready on another queue. */
export async function fillHistory(connection: Connection, finished: number): Promise<void> {
  await connection.query("set session cte_max_recursion_depth = 100000").catch(() => undefined);
  await connection.query("set session max_recursive_iterations = 100000").catch(() => undefined);
  const past = Date.now() - DAY_MS;
  await insert(connection, finished, { phase: 4, queue: "default", due: past, finishedAt: "?" });
  await insert(connection, 200_000, { phase: 2, queue: "default", due: Date.now() + DAY_MS });
  await insert(connection, 100_000, { phase: 1, queue: "other", due: past });
  await connection.query("analyze table tasks_results");
}

async function insert(
  connection: Connection,
  count: number,
  { phase, queue, due }: { phase: number; queue: string; due: number; finishedAt?: string },
): Promise<void> {
  const isFinished = phase === 4;
  for (let done = 0; done < count; done += CHUNK) {
    const rows = Math.min(CHUNK, count - done);
    await connection.query(
      `insert into tasks_results (id, backend, queue_name, task_name, phase, due, run_after, enqueued_at, started_at, finished_at, fence, worker_ids, args, return_value)
with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
select concat(?, '-', i + ?), 'default', ?, 'noop', ?, ? + i, ?, ?, ?, ?, ?, ?, '[1]', ? from n`,
      [
        rows,
        phase,
        done,
        queue,
        phase,
        due,
        phase === 2 ? due : null,
        due,
        isFinished ? due : null,
        isFinished ? due : null,
        isFinished ? 1 : 0,
        isFinished ? '["worker"]' : "[]",
        isFinished ? "null" : null,
      ],
    );
  }
}
