import { BrokenBackend } from "./broken-backend.ts";

/** Promises to cancel running tasks, and lets them run. */
export class IgnoresCancel extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "cancel.before-its-slot",
    "cancel.ignored",
    "cancel.not-tried-again",
    "cancel.race",
    "cancel.running",
    "cancel.running-ends",
    "claim.cancelled-unseen",
    "claim.check-attempts",
    "recovery.cancelled",
    "run-task.cancel",
  ];

  override async cancel(id: string): Promise<boolean> {
    const record = await this.readRecord(id);
    return record?.status === "RUNNING" ? true : super.cancel(id);
  }
}
