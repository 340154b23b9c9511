import { createId, type EnqueueRequest, type TaskRecord } from "@tasks/core";
import { transitions, type ClaimedTask } from "@tasks/core/worker";

/** A complete request, with what a test says about it. */
export function requestOf(changes: Partial<EnqueueRequest> = {}): EnqueueRequest {
  return {
    id: createId(),
    taskName: "some-task",
    args: [],
    argsJson: "[]",
    queueName: "default",
    priority: 0,
    runAfter: null,
    delayMs: null,
    maxLost: 3,
    metadata: {},
    unique: null,
    concurrency: null,
    ...changes,
  };
}

/** A READY record, with what a test says about it. */
export function recordOf(changes: Partial<TaskRecord> = {}): TaskRecord {
  return { ...transitions.enqueue(requestOf(), new Date()), ...changes };
}

/** The first attempt of a task, as a store hands it to a worker. */
export function claimedOf(
  changes: Partial<TaskRecord> & { readonly taskName: string },
): ClaimedTask {
  const record = transitions.claim(recordOf(changes), "worker-1", new Date());
  return {
    id: record.id,
    fence: 1,
    taskName: record.taskName,
    attempt: record.attempts,
    args: () => structuredClone(record.args),
    record: () => record,
  };
}
