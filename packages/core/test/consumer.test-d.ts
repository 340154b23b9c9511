import {
  configureTasks,
  currentTask,
  defaultTaskBackend,
  MemoryBackend,
  task,
  taskFinished,
  withBackends,
  type AnyTask,
  type Task,
  type TaskContext,
  type TaskResult,
} from "@tasks/core";
import { createClock, drain, expectEnqueued } from "@tasks/core/testing";
import { QueueWorker, transitions } from "@tasks/core/worker";

interface User {
  readonly name: string;
  readonly age?: number;
}

export const greet = task({ name: "greet" }, async (user: User, times?: number) =>
  user.name.repeat(times ?? 1),
);
export const annotated: Task<[id: string], null> = task({ name: "annotated" }, (id: string) => {
  void id;
});
export const progress = task(
  { name: "progress", takesContext: true, unique: { key: (id) => id, scope: "until-started" } },
  async (context: TaskContext, id: string) => `${id} ${context.attempt}`,
);
export const untyped = task({ name: "untyped", takesContext: true }, (context, ms: number) => {
  const signal: AbortSignal = context.signal;
  return [signal === currentTask()?.signal, context.attempt + ms];
});

export async function use(): Promise<string> {
  const result: TaskResult<string> = await greet.enqueue({ name: "Ada" });
  await progress.using({ priority: 1, runAfter: { minutes: 1 } }).enqueue("a");
  const all: readonly AnyTask[] = [greet, annotated, progress, untyped];
  expectEnqueued({ task: greet, args: [all.length] });
  await withBackends({ default: new MemoryBackend({ clock: createClock() }) }, () => drain());
  taskFinished.connect(({ sender }) => void sender.alias);
  const config = configureTasks({ backends: { default: () => new MemoryBackend() } });
  await config.close();
  const worker = new QueueWorker(defaultTaskBackend, {} as never);
  await worker.stop();
  void transitions.retry;
  return result.returnValue;
}

// @ts-expect-error -- not a user
void greet.enqueue("Ada");
// @ts-expect-error -- not a number
void untyped.enqueue("1");
// @ts-expect-error -- a date does not survive JSON
task({ name: "date" }, (born: Date) => born.getTime());
// @ts-expect-error -- a function comes back
task({ name: "function" }, () => () => 1);
// @ts-expect-error -- not an option
task({ name: "typo", maxAttempt: 3 }, () => 1);
