import type { TaskRecord } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Lets an error of its store through where a result does not exist. */
export class ThrowsTheWrongError extends BrokenBackend {
  static readonly fails: readonly string[] = [
    "isolation.results",
    "result.malformed-id",
    "result.missing",
    "result.refresh-missing",
    "run-task.missing",
    "wait.deleted",
  ];

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const record = await super.readRecord(id);
    if (record === undefined) throw new RangeError(`invalid input syntax for type uuid: "${id}"`);
    return record;
  }
}
