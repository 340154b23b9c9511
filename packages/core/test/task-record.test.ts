import { isFinished, TASK_STATES, TASK_STATUSES, taskState, type TaskRecord } from "@tasks/core";
import { expect, it } from "vitest";

import { recordOf } from "./support/records.ts";

const now = new Date("2030-01-01T00:00:00Z");
const failedWith = (exceptionClass: string): Partial<TaskRecord> => ({
  status: "FAILED",
  errors: [
    { exceptionClass, message: "", traceback: "", attempt: 1, workerId: "w", occurredAt: now },
  ],
});

it.each<[string, Partial<TaskRecord>]>([
  ["ready", {}],
  ["ready", { runAfter: now }],
  ["scheduled", { runAfter: new Date(now.getTime() + 1) }],
  ["blocked", { blocked: true }],
  ["scheduled", { blocked: true, runAfter: new Date(now.getTime() + 1) }],
  ["retrying", { workerIds: ["w"], runAfter: new Date(now.getTime() + 1) }],
  ["running", { status: "RUNNING", workerIds: ["w"] }],
  ["successful", { status: "SUCCESSFUL" }],
  ["failed", { status: "FAILED" }],
  ["failed", failedWith("TypeError")],
  ["cancelled", failedWith("TaskCancelled")],
  ["lost", failedWith("TaskLost")],
])("is %s when it is %j", (state, changes) => {
  expect(taskState(recordOf(changes), now)).toBe(state);
});

it("is finished when it is SUCCESSFUL or FAILED", () => {
  expect(TASK_STATUSES.filter(isFinished)).toEqual(["SUCCESSFUL", "FAILED"]);
});

it("knows four statuses and nine states", () => {
  expect(TASK_STATUSES).toEqual(["READY", "RUNNING", "SUCCESSFUL", "FAILED"]);
  expect(TASK_STATES).toHaveLength(9);
});
