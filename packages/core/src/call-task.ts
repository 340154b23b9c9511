import { ImmediateBackend } from "./backends/immediate-backend.ts";
import { runWithContext } from "./current-task.ts";
import { isolated } from "./internal/async-scope.ts";
import type { JsonValue } from "./json.ts";
import type { AnyTask } from "./registry.ts";
import { AttemptControl } from "./run-attempt.ts";
import { parseInput } from "./schema-input.ts";
import { AttemptContext } from "./task-context.ts";
import type { TaskRecord } from "./task-record.ts";
import { claim, enqueue } from "./transitions.ts";

/** Runs a task's function in place, with a context that belongs to no backend. */
export async function callTask(task: AnyTask, args: readonly unknown[]): Promise<unknown> {
  const control = new AttemptControl();
  const context = new AttemptContext(
    new ImmediateBackend(),
    1,
    () => callRecord(task, args),
    () => control.signal,
  );
  const given = task.settings.input === null ? args : [await parseInput(task, args[0])];
  return isolated(() =>
    runWithContext(context, () =>
      task.takesContext ? task.fn(context, ...given) : task.fn(...given),
    ),
  );
}

function callRecord(task: AnyTask, args: readonly unknown[]): TaskRecord {
  const now = new Date();
  const record = enqueue(
    {
      id: null,
      taskName: task.name,
      args: args as readonly JsonValue[],
      argsJson: "",
      queueName: task.queueName,
      priority: task.priority,
      runAfter: null,
      delayMs: null,
      maxLost: task.settings.maxLost,
      metadata: task.metadata,
      unique: null,
      concurrency: null,
    },
    now,
  );
  return claim(record, "call", now);
}
