import { DiscardTask, InvalidOption, RetryTask, SnoozeTask, TasksError } from "@tasks/core";
import { expect, it } from "vitest";

it("says how long to wait", () => {
  expect(new RetryTask({ delayMs: 1500 })).toMatchObject({
    name: "RetryTask",
    code: "TASKS_RETRY",
    delayMs: 1500,
    message: "Retry in 1500 ms.",
  });
  expect(new SnoozeTask({ delayMs: 0 })).toMatchObject({ code: "TASKS_SNOOZE", delayMs: 0 });
});

it("keeps the cause of a retry and the reason of a discard", () => {
  const cause = new Error("rate limited");
  expect(new RetryTask({ delayMs: 1, cause }).cause).toBe(cause);
  expect(new RetryTask({ delayMs: 1 })).not.toHaveProperty("cause");
  expect(new DiscardTask("no such user")).toMatchObject({
    code: "TASKS_DISCARD",
    message: "no such user",
  });
  expect(new DiscardTask().message).toBe("The task was discarded.");
});

it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, "10", undefined])(
  "refuses a wait of %s",
  (delayMs) => {
    expect(() => new RetryTask({ delayMs: delayMs as number })).toThrow(InvalidOption);
    expect(() => new SnoozeTask({ delayMs: delayMs as number })).toThrow(
      "delayMs must be a number of milliseconds from 0",
    );
  },
);

it("is an error of the framework", () => {
  expect(TasksError.is(new DiscardTask())).toBe(true);
});
