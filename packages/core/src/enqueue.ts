import { createHash } from "node:crypto";

import type { Backend, Enqueued, EnqueueRequest, UniqueClaim } from "./backend.ts";
import { InvalidTask } from "./errors.ts";
import { createId } from "./ids.ts";
import { encodeJson, type JsonObject, type JsonValue } from "./json.ts";
import type { AnyTask } from "./registry.ts";
import { toMilliseconds } from "./run-after.ts";
import { announceEnqueued } from "./signals.ts";
import type { TaskSettings } from "./task-options.ts";
import { TaskResult } from "./task-result.ts";

/** Stores one call of a task. */
export async function enqueueOne(task: AnyTask, args: readonly unknown[]): Promise<TaskResult> {
  const backend = task.getBackend();
  validateForBackend(task, backend);
  const request = await toRequest(task, backend, args);
  return toResult(backend, await backend.enqueue(request, transactionOf(task)));
}

/** Stores many calls of a task. */
export async function enqueueMany(
  task: AnyTask,
  calls: Iterable<readonly unknown[]>,
): Promise<TaskResult[]> {
  const backend = task.getBackend();
  validateForBackend(task, backend);
  const requests: EnqueueRequest[] = [];
  for (const args of calls) requests.push(await toRequest(task, backend, args));
  if (requests.length === 0) return [];
  const results: TaskResult[] = [];
  for (const enqueued of await backend.enqueueMany(requests, transactionOf(task))) {
    results.push(await toResult(backend, enqueued));
  }
  return results;
}

async function toResult(backend: Backend, { record, deduplicated }: Enqueued): Promise<TaskResult> {
  if (deduplicated) return new TaskResult(backend, record, true);
  await announceEnqueued(backend, record);
  return new TaskResult(backend, await backend.afterEnqueue(record));
}

/**
 * Checks a task against what its backend can do, before anything is stored.
 *
 * @throws InvalidTask naming the first ability that is missing.
 */
function validateForBackend(task: AnyTask, backend: Backend): void {
  const problem = findProblem(task, backend);
  if (problem !== undefined) throw new InvalidTask(problem);
}

/** What a backend has against a task; `undefined` when nothing. */
export function findProblem(task: AnyTask, backend: Backend): string | undefined {
  const { supports, queueNames } = backend;
  const { settings } = task;
  if (!supports.asyncTask && isAsync(task)) return "Backend does not support async Tasks.";
  if (!supports.priority && settings.priority !== 0) {
    return "Backend does not support setting priority of tasks.";
  }
  if (!supports.defer && settings.runAfter !== null) return "Backend does not support runAfter.";
  if (queueNames.length > 0 && !queueNames.includes(settings.queueName)) {
    return (
      `Queue '${settings.queueName}' is not valid for backend. ` +
      `It takes: ${queueNames.join(", ")}. Add it to the backend's queues.`
    );
  }
  if (!supports.retry && settings.maxAttempts > 1) return lacks("retry (maxAttempts)");
  if (!supports.timeout && settings.timeoutMs !== null) return lacks("timeout (timeoutMs)");
  if (!supports.unique && settings.unique !== null) return lacks("unique tasks (unique)");
  if (!supports.concurrency && settings.concurrency !== null) {
    return lacks("concurrency limits (concurrency)");
  }
  if (!supports.metadata && Object.keys(settings.metadata).length > 0) return lacks("metadata");
  if (supports.transaction === false && isGiven(settings.transaction)) {
    return lacks("enqueueing in a transaction");
  }
  return undefined;
}

function lacks(ability: string): string {
  return `Backend does not support ${ability}.`;
}

function isAsync(task: AnyTask): boolean {
  return task.fn.constructor.name === "AsyncFunction";
}

function isGiven(transaction: unknown): boolean {
  return transaction !== null && transaction !== undefined;
}

function transactionOf(task: AnyTask): { readonly transaction: unknown } | undefined {
  const { transaction } = task.settings;
  return isGiven(transaction) ? { transaction } : undefined;
}

async function toRequest(
  task: AnyTask,
  backend: Backend,
  args: readonly unknown[],
): Promise<EnqueueRequest> {
  const { settings } = task;
  const { maxPayloadBytes } = backend.supports;
  if (settings.input !== null) await checkInput(task, args);
  const { value, json } = encodeJson(args, "args", maxPayloadBytes);
  // A copy of its own: what is done to one result's metadata must not reach the next.
  const metadata = encodeJson(settings.metadata, "metadata", maxPayloadBytes);
  const { runAfter } = settings;
  return {
    id: createId(),
    taskName: settings.name,
    args: value as readonly JsonValue[],
    argsJson: json,
    queueName: settings.queueName,
    priority: settings.priority,
    runAfter: runAfter instanceof Date ? runAfter : null,
    delayMs: runAfter === null || runAfter instanceof Date ? null : toMilliseconds(runAfter),
    maxLost: settings.maxLost,
    metadata: metadata.value as JsonObject,
    unique: uniqueClaim(settings, args as never, json),
    concurrency: concurrencyClaim(settings, args as never),
  };
}

async function checkInput(task: AnyTask, args: readonly unknown[]): Promise<void> {
  if (args.length !== 1) {
    throw new InvalidTask(
      `Task '${task.name}' takes one argument, which its input schema describes, not ${args.length}.`,
    );
  }
  // Loaded on demand: most tasks have no schema.
  const { parseInput } = await import("./schema-input.ts");
  await parseInput(task, args[0]);
}

function uniqueClaim(settings: TaskSettings, args: never, argsJson: string): UniqueClaim | null {
  const { unique } = settings;
  if (unique === null) return null;
  const { key, scope, onConflict = "return-existing" } = unique;
  const isWindow = typeof scope === "object";
  return {
    key: storedKey(settings.name, key === undefined ? argsJson : callKey("unique", key, args)),
    scope: isWindow ? "window" : scope,
    windowMs: isWindow ? scope.windowMs : 0,
    onConflict,
  };
}

function concurrencyClaim(settings: TaskSettings, args: never): EnqueueRequest["concurrency"] {
  const { concurrency } = settings;
  if (concurrency === null) return null;
  const { key, limit } = concurrency;
  const text = key === undefined ? "" : callKey("concurrency", key, args);
  return { key: storedKey(settings.name, text), limit };
}

function callKey(option: string, key: (...args: never[]) => unknown, args: never): string {
  const text = key(...(args as never[]));
  if (typeof text === "string") return text;
  throw new InvalidTask(`${option}.key must return a string, not ${typeof text}.`);
}

/** Keys of any length and content become short and storable; short plain ones stay readable. */
function storedKey(taskName: string, text: string): string {
  if (/^[\x20-\x7e]{0,120}$/.test(text)) return `${taskName}/${text}`;
  return `${taskName}#${createHash("sha256").update(text).digest("hex")}`;
}
