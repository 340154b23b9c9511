import type { EnqueueRequest } from "@tasks/core";

/** Tells whether two plain requests differ in id and arguments only. */
export function isAlike(one: EnqueueRequest, other: EnqueueRequest): boolean {
  return (
    one.unique === null &&
    one.taskName === other.taskName &&
    one.queueName === other.queueName &&
    one.priority === other.priority &&
    one.maxLost === other.maxLost &&
    one.delayMs === other.delayMs &&
    one.runAfter?.getTime() === other.runAfter?.getTime() &&
    JSON.stringify(one.metadata) === JSON.stringify(other.metadata)
  );
}
