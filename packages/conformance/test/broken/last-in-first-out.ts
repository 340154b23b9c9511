import type { EnqueueRequest, TaskRecord } from "@tasks/core";

import { DisguisedBackend } from "./disguised-backend.ts";

/** Runs the newest of equal tasks first. */
export class LastInFirstOut extends DisguisedBackend {
  static readonly fails: readonly string[] = [
    "cancel.before-its-slot",
    "order.fifo",
    "order.fifo-of-a-batch",
    "order.of-single-claims",
    "recovery.keeps-place",
    "shutdown.deadline-keeps-place",
  ];
  readonly #startedMs = Date.now();
  #sequence = 0;

  protected override disguise(request: EnqueueRequest): EnqueueRequest {
    if (request.runAfter !== null || request.delayMs !== null) return request;
    return { ...request, runAfter: new Date(this.#startedMs - ++this.#sequence) };
  }

  protected override reveal(record: TaskRecord, given: EnqueueRequest): TaskRecord {
    const isMade = given.runAfter === null && given.delayMs === null;
    const isUntouched = record.runAfter !== null && record.runAfter.getTime() < this.#startedMs;
    return isMade && isUntouched ? { ...record, runAfter: null } : record;
  }
}
