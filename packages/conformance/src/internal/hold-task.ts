import type { TaskResult, WorkerOptions } from "@tasks/core";

import type { RunningWorker, Scope } from "../scope.ts";
import { createDeferred } from "./deferred.ts";

/** A result that a started worker is running until `end()`. */
export async function holdTask(
  t: Scope,
  options: WorkerOptions = {},
): Promise<{
  readonly result: TaskResult;
  readonly running: RunningWorker;
  readonly end: () => void;
}> {
  const started = createDeferred();
  const end = createDeferred();
  const task = t.task(async () => {
    started.resolve();
    await end.promise;
  });
  const result = await task.enqueue();
  const running = await t.startWorker(options);
  await started.promise;
  return { result, running, end: () => end.resolve() };
}
