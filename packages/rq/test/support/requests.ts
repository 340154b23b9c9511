import { createId, type EnqueueRequest } from "@tasks/core";

/** A complete request with the given changes. */
export function requestOf(changes: Partial<EnqueueRequest>): EnqueueRequest {
  return {
    id: createId(),
    taskName: "unnamed",
    args: ["once"],
    argsJson: '["once"]',
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
