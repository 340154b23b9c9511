import { log } from "./log.ts";
import type { AttemptOutcome } from "./worker/worker-store.ts";

/** Says that an attempt failed and when the next one may begin: nothing else would tell before the last one fails too. */
export function logRetry(
  { id, taskName }: { readonly id: string; readonly taskName: string },
  { error, delayMs }: Extract<AttemptOutcome, { readonly type: "retry" }>,
): void {
  const { attempt, exceptionClass, message } = error;
  log(
    "warn",
    `Task id=${id} path=${taskName} attempt=${attempt} failed, next in ${Math.round(delayMs)} ms: ${exceptionClass}: ${message}`,
    { taskId: id, error },
  );
}
