import type { Row } from "../connection.ts";
import { PHASE } from "../tables.ts";

/** What a claim wrote into every row of it. */
export interface ClaimStamp {
  readonly now: unknown;
  readonly sessionId: string;
  /** JSON text of a list with this worker alone. */
  readonly firstWorkers: string;
}

/** A row as a claim left it. Most have no history, and read as their first attempt. */
export function claimedRow(row: Row, { now, sessionId, firstWorkers }: ClaimStamp): Row {
  // Named one by one: a spread of a driver's row takes several times as long.
  const claimed = {
    seq: row["seq"],
    id: row["id"],
    fence: row["fence"],
    queue_name: row["queue_name"],
    task_name: row["task_name"],
    priority: row["priority"],
    due: row["due"],
    run_after: row["run_after"],
    enqueued_at: row["enqueued_at"],
    max_lost: row["max_lost"],
    metadata: row["metadata"],
    args: row["args"],
    holds_key: row["holds_key"],
    phase: PHASE.running,
    started_at: now,
    last_attempted_at: now,
    finished_at: null,
    session_id: sessionId,
    cancel_requested: 0,
    worker_ids: firstWorkers,
    errors: "[]",
    progress: null,
    logs: "[]",
    failures: 0,
    lost: 0,
    return_value: null,
  };
  if (typeof row["history"] !== "string") return claimed;
  const [worker_ids, errors, progress, logs, started_at, failures, lost] = JSON.parse(
    row["history"],
  ) as unknown[];
  return { ...claimed, worker_ids, errors, progress, logs, started_at, failures, lost };
}

/** Orders rows as they are to be claimed. */
export function compareRows(a: Row, b: Row): number {
  return (
    Number(b["priority"]) - Number(a["priority"]) ||
    Number(a["due"]) - Number(b["due"]) ||
    Number(a["seq"]) - Number(b["seq"])
  );
}
