import type { Backend } from "../backend.ts";
import { NotSupported } from "../errors.ts";
import { isolated } from "../internal/async-scope.ts";
import { logRetry } from "../log-retry.ts";
import { runAttempt, type AttemptEnd } from "../run-attempt.ts";
import { announceFinished, announceStarted } from "../signals.ts";
import { toTaskError } from "../task-error.ts";
import { isFinished, type TaskRecord } from "../task-record.ts";
import { claim, complete } from "../transitions.ts";

export { enqueue } from "../transitions.ts";

/** Runs a READY record, attempt after attempt without their waits, until it is finished. */
export async function runToEnd(
  backend: Backend,
  workerId: string,
  ready: TaskRecord,
): Promise<TaskRecord> {
  let record = ready;
  while (!isFinished(record.status)) {
    const running = record;
    record = await isolated(() => attempt(backend, workerId, running));
  }
  await announceFinished(backend, record);
  return record;
}

async function attempt(backend: Backend, workerId: string, ready: TaskRecord): Promise<TaskRecord> {
  const running = claim(ready, workerId, backend.now());
  await announceStarted(backend, running);
  const end = await runAttempt(
    {
      id: running.id,
      fence: running.attempts,
      taskName: running.taskName,
      attempt: running.attempts,
      args: () => structuredClone(running.args),
      record: () => running,
    },
    { backend, workerId },
  );
  const outcome = withoutSnooze(end, running, backend);
  // Retries follow each other at once here, whatever their wait would be elsewhere.
  if (outcome.type === "retry") logRetry(running, { ...outcome, delayMs: 0 });
  return complete(running, outcome, end.changes, backend.now());
}

function withoutSnooze(
  { outcome }: AttemptEnd,
  { attempts, workerIds }: TaskRecord,
  backend: Backend,
): AttemptEnd["outcome"] {
  if (outcome.type !== "snooze") return outcome;
  const error = new NotSupported(
    "ImmediateBackend cannot snooze a task: it would hold up enqueue(). Use MemoryBackend or a backend with a worker.",
  );
  return {
    type: "failed",
    error: toTaskError(error, {
      attempt: attempts,
      workerId: workerIds.at(-1) ?? null,
      occurredAt: backend.now(),
    }),
  };
}
