import type { Backend } from "../backend.ts";
import { defaultTaskBackend, taskBackends } from "../configuration.ts";
import { NotSupported, TasksError } from "../errors.ts";
import { assertWhole } from "../internal/assert-option.ts";
import { assertKnownOptions } from "../known-options.ts";
import { taskStarted } from "../signals.ts";
import { DEFAULT_TASK_BACKEND_ALIAS } from "../task-options.ts";
import { isDummyBackend } from "./is-dummy-backend.ts";

/** Options of `drain()`. */
export interface DrainOptions {
  /** Whose tasks to run: an alias or a backend. @default "default" */
  readonly backend?: string | Backend | undefined;
  /** Most attempts; more is an error, so that tasks which enqueue each other end. @default 1000 */
  readonly limit?: number | undefined;
}

/**
 * Runs everything that is ready now, and everything those tasks enqueue, one at a time. Tasks due later stay.
 *
 * @returns how many attempts were made.
 * @throws InvalidOption; TasksError when the limit is reached and there is more; NotSupported when the backend neither has a worker nor is a `DummyBackend`.
 */
export async function drain(options: DrainOptions = {}): Promise<number> {
  assertKnownOptions("drain()", options, { backend: 1, limit: 1 });
  const { backend: chosen = DEFAULT_TASK_BACKEND_ALIAS, limit = 1000 } = options;
  assertWhole("limit", limit, 1, Number.MAX_SAFE_INTEGER);
  const alias = chosen === defaultTaskBackend ? DEFAULT_TASK_BACKEND_ALIAS : chosen;
  const backend = typeof alias === "string" ? taskBackends.get(alias) : alias;
  let attempts = 0;
  const disconnect = taskStarted.connect(({ sender }) => {
    if (sender === backend) attempts++;
  });
  try {
    await runReady(backend, limit);
  } finally {
    disconnect();
  }
  if (attempts < limit) return attempts;
  const { ready } = await readyCount(backend);
  if (ready === 0) return attempts;
  throw new TasksError(
    "TASKS_DRAIN_LIMIT",
    `drain() made ${limit} attempts and ${ready} tasks are still ready. Do tasks enqueue each other? Else raise the limit.`,
  );
}

async function runReady(backend: Backend, limit: number): Promise<void> {
  if (isDummyBackend(backend)) return backend.runReady(limit);
  if (!backend.supports.worker) {
    throw new NotSupported(`drain() cannot run the tasks of a ${backend.constructor.name}.`);
  }
  const options = { queueNames: ["*"], concurrency: 1, batch: true, maxTasks: limit };
  await (await backend.createWorker(options)).run();
}

async function readyCount(backend: Backend): Promise<{ readonly ready: number }> {
  const queues = await backend.queues();
  return { ready: queues.reduce((sum, queue) => sum + queue.ready, 0) };
}
