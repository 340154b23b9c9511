import type { CheckMessage, Schedule } from "@tasks/core";

/** Finds schedules that enqueue nothing, because their task's backend has no scheduler. */
export function checkSchedules(schedules: readonly Schedule[]): readonly CheckMessage[] {
  return schedules.filter(isIdle).map(({ name, task }) => ({
    level: "warning",
    id: "tasks.W001",
    text: `Schedule '${name ?? task.name}' enqueues nothing: backend '${task.backend}' does not support schedules.`,
    hint: "Enqueue the task at its times from elsewhere, such as cron, with `tasks enqueue`.",
  }));
}

function isIdle({ task }: Schedule): boolean {
  try {
    return !task.getBackend().supports.schedule;
  } catch {
    // A backend that is missing or cannot be made is a finding of its own.
    return false;
  }
}
