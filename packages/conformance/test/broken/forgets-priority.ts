import type { EnqueueRequest, TaskRecord } from "@tasks/core";

import { DisguisedBackend } from "./disguised-backend.ts";

/** Runs tasks in the order of their enqueue, whatever their priority. */
export class ForgetsPriority extends DisguisedBackend {
  static readonly fails: readonly string[] = [
    "defer.one-order",
    "defer.urgent-first",
    "order.of-single-claims",
    "order.priority",
    "order.priority-across-queues",
    "order.priority-arrives-later",
    "order.priority-before-due-time",
    "recovery.keeps-priority",
    "pause.resume-beside-others",
  ];

  protected override disguise(request: EnqueueRequest): EnqueueRequest {
    return { ...request, priority: 0 };
  }

  protected override reveal(record: TaskRecord, given: EnqueueRequest): TaskRecord {
    return { ...record, priority: given.priority };
  }
}
