import { AsyncLocalStorage } from "node:async_hooks";

import { ofProcess } from "./process-state.ts";
import type { TaskContext } from "./task-context.ts";

const running = /* @__PURE__ */ ofProcess(
  "running task",
  () => new AsyncLocalStorage<TaskContext>(),
);

/** The context of the task that is running here, however deep in its calls; `undefined` outside of one. */
export function currentTask(): TaskContext | undefined {
  return running.getStore();
}

/** Runs a task's function so that `currentTask()` finds its context. */
export function runWithContext<T>(context: TaskContext, fn: () => T): T {
  return running.run(context, fn);
}
