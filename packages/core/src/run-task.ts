import { configuredBackend } from "./configuration.ts";
import { assertKnownOptions } from "./known-options.ts";
import { DEFAULT_TASK_BACKEND_ALIAS } from "./task-options.ts";
import type { TaskResult } from "./task-result.ts";

/**
 * Claims one READY result and runs it in this process, due or not.
 *
 * @returns the result after the attempt, whatever its outcome.
 * @throws TaskResultDoesNotExist; TaskDoesNotExist; InvalidTask when it is not READY; NotSupported when the backend has no worker.
 */
export async function runTask(
  id: string,
  options: { readonly backend?: string | undefined } = {},
): Promise<TaskResult> {
  assertKnownOptions("runTask()", options, { backend: 1 });
  return configuredBackend(options.backend ?? DEFAULT_TASK_BACKEND_ALIAS).runTask(id);
}
