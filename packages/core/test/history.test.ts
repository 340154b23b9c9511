import { describe, expect, it } from "vitest";

import { gapOf, withAttempt, withError, withGap } from "../src/history.ts";
import type { TaskError } from "../src/task-record.ts";

function errorOf(attempt: number, size = 10): TaskError {
  const text = "x".repeat(size);
  const occurredAt = new Date(attempt);
  return {
    exceptionClass: "Error",
    message: text,
    traceback: text,
    attempt,
    workerId: "w",
    occurredAt,
  };
}

function afterErrors(count: number, size?: number) {
  let kept: ReturnType<typeof withError> = { errors: [], errorsOmitted: 0 };
  for (let attempt = 1; attempt <= count; attempt++) kept = withError(kept, errorOf(attempt, size));
  const { errors, errorsOmitted } = kept;
  return { attempts: errors.map(({ attempt }) => attempt), errorsOmitted };
}

describe("errors of a result", () => {
  it("are kept, while they are few", () => {
    expect(afterErrors(3)).toEqual({ attempts: [1, 2, 3], errorsOmitted: 0 });
  });

  it("are the first and the latest, once there are many", () => {
    const attempts = [1, 992, 993, 994, 995, 996, 997, 998, 999, 1000];
    expect(afterErrors(1000)).toEqual({ attempts, errorsOmitted: 990 });
  });

  it("are fewer when they are long, and two of the largest at least", () => {
    expect(afterErrors(50, 20_000).attempts).toEqual([1, 48, 49, 50]);
    expect(afterErrors(50, 70_000)).toEqual({ attempts: [1, 50], errorsOmitted: 48 });
  });
});

it("lists the workers of the first and the latest attempts, and counts all", () => {
  let kept = { attempts: 0, workerIds: [] as readonly string[] };
  for (let attempt = 1; attempt <= 1000; attempt++) kept = withAttempt(kept, `w${attempt}`);
  expect(kept.attempts).toBe(1000);
  expect([kept.workerIds.length, kept.workerIds[0], kept.workerIds[1]]).toEqual([50, "w1", "w952"]);
});

it("marks the gap of a stored list, and reads it back whatever else the list holds", () => {
  expect(withGap(["a", "b"], 0)).toEqual(["a", "b"]);
  expect(withGap(["a", "b"], 7)).toEqual(["a", { omitted: 7 }, "b"]);
  expect(gapOf(["a", { omitted: 7 }, "b", { omitted: -1 }, { omitted: "2" }, null, 3])).toBe(7);
});
