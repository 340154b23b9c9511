import { isDate } from "node:util/types";

import type { Backend, Enqueued, EnqueueOptions, EnqueueRequest } from "./backend.ts";
import { InvalidTask } from "./errors.ts";
import { encodeJson, type JsonObject, type JsonValue } from "./json.ts";
import type { AnyTask } from "./registry.ts";
import { toMilliseconds } from "./run-after.ts";
import { announceEnqueued, isEnqueuedAnnounced } from "./signals.ts";
import { TaskResult } from "./task-result.ts";

/** Encoded arguments that one batch holds, in characters. Those of further calls are encoded again when they are stored, so that a batch of any size holds no more. */
const MOST_TEXT = 1_048_576;

/** Stores calls of a task: one as such, several as a batch. */
export async function enqueueAll(
  task: AnyTask,
  calls: Iterable<readonly unknown[]>,
): Promise<TaskResult[]> {
  const backend = task.getBackend();
  const problem = findProblem(task, backend);
  if (problem !== undefined) throw new InvalidTask(problem);
  const requests: EnqueueRequest[] = [];
  let textLength = 0;
  for (const args of calls) {
    if (task.settings.input !== null) {
      // Loaded on demand: most tasks have no schema.
      const { checkInput } = await import("./schema-input.ts");
      await checkInput(task, args);
    }
    let request = toRequest(task, backend, args);
    if (hasKeys(task)) {
      // And no keys.
      const { withKeys } = await import("./keys.ts");
      request = withKeys(task.settings, args, request);
    }
    textLength += request.argsJson.length;
    if (textLength > MOST_TEXT) Object.defineProperty(request, "argsJson", { get: encodeLater });
    requests.push(request);
  }
  const stored = await store(backend, requests, transactionOf(task));
  const results: TaskResult[] = [];
  for (const { record, deduplicated } of stored) {
    let latest = record;
    if (!deduplicated) {
      // Many results are made in one go when nobody is to be told of each.
      if (isEnqueuedAnnounced()) await announceEnqueued(backend, record);
      if (backend.afterEnqueue) latest = await backend.afterEnqueue(record);
    }
    results.push(new TaskResult(backend, latest, deduplicated));
  }
  return results;
}

function encodeLater(this: EnqueueRequest): string {
  return JSON.stringify(this.args);
}

async function store(
  backend: Backend,
  requests: readonly EnqueueRequest[],
  options: EnqueueOptions | undefined,
): Promise<readonly Enqueued[]> {
  const [first] = requests;
  if (first === undefined) return [];
  if (requests.length > 1) return backend.enqueueMany(requests, options);
  return [await backend.enqueue(first, options)];
}

/** What a backend has against a task; `undefined` when nothing. */
export function findProblem(task: AnyTask, backend: Backend): string | undefined {
  const { supports, queueNames } = backend;
  const { settings } = task;
  if (!supports.asyncTask && isAsync(task)) return lacks("async Tasks");
  if (!supports.priority && settings.priority !== 0) {
    return lacks("setting priority of tasks");
  }
  if (!supports.defer && settings.runAfter !== null) return lacks("runAfter");
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
  if (supports.transaction === false && transactionOf(task) !== undefined) {
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

function transactionOf(task: AnyTask): EnqueueOptions | undefined {
  const { transaction = null } = task.settings;
  return transaction === null ? undefined : { transaction };
}

function toRequest(task: AnyTask, backend: Backend, args: readonly unknown[]): EnqueueRequest {
  const { settings } = task;
  const { maxPayloadBytes } = backend.supports;
  // To a function `undefined` at the end is the same as not given.
  let { length } = args;
  while (length > 0 && args[length - 1] === undefined) length--;
  const { value, json } = encodeJson(args.slice(0, length), "args", maxPayloadBytes);
  const { runAfter } = settings;
  return {
    id: settings.id,
    taskName: settings.name,
    args: value as readonly JsonValue[],
    argsJson: json,
    queueName: settings.queueName,
    priority: settings.priority,
    runAfter: isDate(runAfter) ? runAfter : null,
    delayMs: runAfter === null || isDate(runAfter) ? null : toMilliseconds(runAfter),
    maxLost: settings.maxLost,
    metadata: metadataOf(settings.metadata, maxPayloadBytes),
    unique: null,
    concurrency: null,
  };
}

/** A copy of its own: what is done to one result's metadata must not reach the next. */
function metadataOf(metadata: JsonObject, maxPayloadBytes: number): JsonObject {
  return Object.keys(metadata).length === 0
    ? {}
    : (encodeJson(metadata, "metadata", maxPayloadBytes).value as JsonObject);
}

function hasKeys({ settings }: AnyTask): boolean {
  return settings.unique !== null || settings.concurrency !== null;
}
