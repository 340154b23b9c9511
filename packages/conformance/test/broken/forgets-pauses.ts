import type { TaskRecord } from "@tasks/core";

import { CompleteBackend } from "../support/complete-backend.ts";

/** Shows a queue as paused, and serves it. */
export class ForgetsPauses extends CompleteBackend {
  static readonly fails: readonly string[] = [
    "pause.begins-no-more",
    "pause.blocked",
    "pause.holds",
    "pause.of-an-empty-queue",
    "pause.of-released-tasks",
    "pause.of-tasks-that-fall-due",
    "pause.other-queues",
    "pause.among-many-queues",
    "pause.resume-beside-others",
  ];

  override isHeldBack(record: TaskRecord): boolean {
    return this.isAtLimit(record);
  }
}
