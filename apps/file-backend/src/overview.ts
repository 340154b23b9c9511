import {
  taskState,
  type ListOptions,
  type QueueInfo,
  type RecordPage,
  type StatusCounts,
} from "@tasks/core";

import type { StoredTask } from "./stored-task.ts";

/** One page, newest enqueue first. The cursor is the enqueue number of the page's last task. */
export function toPage(tasks: readonly StoredTask[], options: ListOptions): RecordPage {
  const { status, state, queueName, taskName, limit = 50, cursor } = options;
  const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
  const matches = tasks
    .filter(({ sequence }) => sequence < before)
    .filter(({ record }) => status === undefined || record.status === status)
    .filter(({ record }) => state === undefined || taskState(record) === state)
    .filter(({ record }) => queueName === undefined || record.queueName === queueName)
    .filter(({ record }) => taskName === undefined || record.taskName === taskName)
    .sort((a, b) => b.sequence - a.sequence);
  const page = matches.slice(0, limit);
  const last = page.at(-1);
  return {
    records: page.map(({ record }) => structuredClone(record)),
    nextCursor: last === undefined || page.length === matches.length ? null : `${last.sequence}`,
  };
}

/** How many tasks have each status. */
export function toCounts(tasks: readonly StoredTask[]): StatusCounts {
  const counts = { READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 };
  for (const { record } of tasks) counts[record.status]++;
  return counts;
}

/** Every queue that is declared or holds unfinished tasks, by name. */
export function toQueues(
  tasks: readonly StoredTask[],
  declared: readonly string[],
): readonly QueueInfo[] {
  const unfinished = tasks.filter(({ record }) => record.finishedAt === null);
  const names = new Set([...declared, ...unfinished.map(({ record }) => record.queueName)]);
  return [...names].sort().map((name) => {
    const inQueue = unfinished.filter(({ record }) => record.queueName === name);
    const waitedMs = inQueue
      .filter(({ record }) => record.status === "READY")
      .map(({ record }) => Date.now() - (record.runAfter ?? record.enqueuedAt).getTime());
    const dueMs = waitedMs.filter((ms) => ms >= 0);
    return {
      name,
      ready: dueMs.length,
      scheduled: waitedMs.length - dueMs.length,
      running: inQueue.length - waitedMs.length,
      paused: false,
      oldestReadyMs: dueMs.length === 0 ? null : Math.max(...dueMs),
    };
  });
}
