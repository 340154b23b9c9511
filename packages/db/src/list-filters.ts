import type { TaskState, TaskStatus } from "@tasks/core";
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from "kysely";

import { PHASE, type TasksDatabase } from "./tables.ts";

/** Phases to look through for a status and a state; `null` stands for all at once. */
export function phasesOf(
  status: TaskStatus | undefined,
  state: TaskState | undefined,
): readonly (number | null)[] {
  const wanted = state === undefined ? status : STATUS_OF_STATE[state];
  if (wanted === undefined) return [null];
  // A status and a state that exclude each other have no rows in common.
  return status === undefined || status === wanted ? PHASES_OF_STATUS[wanted] : [];
}

type Results = ExpressionBuilder<TasksDatabase, "tasks_results">;

/** What tells a state from the others of its status, in SQL: the same distinctions as core's `taskState`. */
export function ofState(
  where: Results,
  state: TaskState,
  now: number,
): ExpressionWrapper<TasksDatabase, "tasks_results", SqlBool> {
  switch (state) {
    case "retrying":
      return where.and([where("worker_ids", "<>", "[]")]);
    case "scheduled":
      return where.and([where("worker_ids", "=", "[]"), where("run_after", ">", now)]);
    // Which of the two is a question of the queue, see `Monitor`.
    case "ready":
    case "blocked":
      return where.and([
        where("worker_ids", "=", "[]"),
        where.or([where("run_after", "is", null), where("run_after", "<=", now)]),
      ]);
    case "running":
    case "successful":
      return where.and([]);
    case "cancelled":
      return where.and([where("exception_class", "=", "TaskCancelled")]);
    case "lost":
      return where.and([where("exception_class", "=", "TaskLost")]);
    case "failed":
      return where.and([
        where.or([
          where("exception_class", "is", null),
          where("exception_class", "not in", ["TaskCancelled", "TaskLost"]),
        ]),
      ]);
  }
}

const PHASES_OF_STATUS: Readonly<Record<TaskStatus, readonly number[]>> = {
  READY: [PHASE.ready, PHASE.scheduled],
  RUNNING: [PHASE.running],
  SUCCESSFUL: [PHASE.successful],
  FAILED: [PHASE.failed],
};

const STATUS_OF_STATE: Readonly<Record<TaskState, TaskStatus>> = {
  scheduled: "READY",
  ready: "READY",
  blocked: "READY",
  retrying: "READY",
  running: "RUNNING",
  successful: "SUCCESSFUL",
  failed: "FAILED",
  cancelled: "FAILED",
  lost: "FAILED",
};
