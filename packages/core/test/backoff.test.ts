import { InvalidTask, task, type Backoff } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { backoffDelay } from "../src/backoff.ts";

describe("the wait", () => {
  const middle = 0.5;
  it.each([
    ["fixed", [100, 100, 100, 100]],
    ["linear", [100, 200, 300, 400]],
    ["exponential", [100, 200, 400, 800]],
  ] as const)("grows as %s says", (type, waits) => {
    const options = { type, delayMs: 100 };
    expect([1, 2, 3, 4].map((failures) => backoffDelay(options, failures, middle))).toEqual(waits);
  });

  it("is exponential from one second to one hour by default", () => {
    expect(backoffDelay({}, 1, middle)).toBe(1000);
    expect(backoffDelay({}, 5, middle)).toBe(16_000);
    expect(backoffDelay({}, 1_000_000, middle)).toBe(3_600_000);
  });

  it("is spread by jitter, and never above its maximum", () => {
    expect(backoffDelay({ delayMs: 1000, jitter: 0.25 }, 1, 0)).toBe(750);
    expect(backoffDelay({ delayMs: 1000, jitter: 0.25 }, 1, 1)).toBe(1250);
    expect(backoffDelay({ delayMs: 1000, jitter: 0 }, 1, 1)).toBe(1000);
    expect(backoffDelay({ delayMs: 1000, maxDelayMs: 1000, jitter: 1 }, 1, 1)).toBe(1000);
  });
});

describe("the options", () => {
  it.each([
    [null, "backoff must be an object or a function, not null."],
    [1000, "backoff must be an object or a function, not 1000."],
    [{ type: "cubic" }, 'backoff.type must be "fixed" or "linear" or "exponential", not "cubic".'],
    [{ delayMs: -1 }, "backoff.delayMs must be between 0 and 31622400000000, not -1."],
    [{ delayMs: Number.NaN }, "backoff.delayMs must be between 0 and 31622400000000, not NaN."],
    [
      { maxDelayMs: Number.POSITIVE_INFINITY },
      "backoff.maxDelayMs must be between 0 and 31622400000000, not Infinity.",
    ],
    [{ jitter: 1.1 }, "backoff.jitter must be between 0 and 1, not 1.1."],
    [{ jitter: "much" }, 'backoff.jitter must be between 0 and 1, not "much".'],
  ])("%j is refused", (backoff, message) => {
    expect(() =>
      task({ name: "backoff.bad", backoff: backoff as unknown as Backoff }, () => null),
    ).toThrow(new InvalidTask(message));
  });
});
