import type { EnqueueRequest } from "../backend.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { TaskRecord } from "../task-record.ts";
import { enqueue } from "../transitions.ts";

/** Name of the task that moves another one. */
export const RELAY_TASK = "tasks:relay";

/** What an outbox keeps of a task on its way: JSON, as the arguments of the relay task. */
export interface OutboxEntry {
  readonly taskName: string;
  readonly args: readonly JsonValue[];
  readonly queueName: string;
  readonly priority: number;
  /** Milliseconds since 1970. */
  readonly runAfter: number | null;
  /** Counts from the moment the entry was stored. */
  readonly delayMs: number | null;
  readonly maxLost: number;
  readonly metadata: JsonObject;
  readonly concurrency: EnqueueRequest["concurrency"];
}

/** The request that stores another one in an outbox, to be relayed to the backend of an alias. */
export function toOutboxRequest(
  request: EnqueueRequest,
  alias: string,
  queueName: string,
): EnqueueRequest {
  const { taskName, args, priority, runAfter, delayMs, maxLost, metadata, concurrency } = request;
  const entry: OutboxEntry = {
    taskName,
    args,
    queueName: request.queueName,
    priority,
    runAfter: runAfter?.getTime() ?? null,
    delayMs,
    maxLost,
    metadata,
    concurrency,
  };
  const relayArgs = [alias, entry] as unknown as readonly JsonValue[];
  return {
    id: request.id,
    taskName: RELAY_TASK,
    args: relayArgs,
    argsJson: JSON.stringify(relayArgs),
    queueName,
    priority,
    runAfter: null,
    delayMs: null,
    // An entry is tried until it has moved, however many relays die.
    maxLost: 1_000_000,
    metadata: {},
    unique: null,
    concurrency: null,
  };
}

/**
 * The request an entry was made from. Its delay goes on counting from the moment it was stored.
 *
 * @param waitedMs how long it has waited, by one clock.
 */
export function fromOutboxEntry(entry: OutboxEntry, id: string, waitedMs: number): EnqueueRequest {
  const { runAfter, delayMs } = entry;
  return {
    ...entry,
    id,
    argsJson: JSON.stringify(entry.args),
    runAfter: runAfter === null ? null : new Date(runAfter),
    delayMs: delayMs === null ? null : Math.max(0, delayMs - waitedMs),
    unique: null,
  };
}

/** A task in the outbox as people see it: READY, or FAILED when it could not be moved or was cancelled before. */
export function toWaitingRecord(relay: TaskRecord): TaskRecord | undefined {
  if (relay.taskName !== RELAY_TASK) return undefined;
  const entry = relay.args[1] as unknown as OutboxEntry;
  const record = enqueue(fromOutboxEntry(entry, relay.id, 0), relay.enqueuedAt);
  if (relay.status !== "FAILED") return record;
  const { status, finishedAt, errors } = relay;
  return { ...record, status, finishedAt, errors };
}
