import type { Backend, WorkerOptions } from "@tasks/core";

import type { RunningWorker, Scope } from "../scope.ts";

/** How long a worker has to register and to find the store empty, in milliseconds. */
const SETTLE_MS = 300;

/**
 * Starts a worker and resolves when it probably waits for work. A worker that is slower makes the
 * requirement prove less, and never fail.
 */
export async function startIdleWorker(
  t: Scope,
  options: WorkerOptions,
  backend: Backend = t.backend,
): Promise<RunningWorker> {
  const running = await t.startWorker(options, backend);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return running;
}
