import { describe, expect, it } from "vitest";

import { Results } from "../report/results.ts";
import { median, percentile } from "../report/statistics.ts";

describe("median", () => {
  it("is the middle value, whatever the order", () => {
    expect(median([3, 1, 2])).toBe(2);
  });

  it("is the mean of the two in the middle of an even number", () => {
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe("percentile", () => {
  it("is the value below which that part lies", () => {
    const values = Array.from({ length: 100 }, (_, index) => index);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
  });
});

describe("Results", () => {
  it("divides figures of the same round by each other, and takes the median of that", () => {
    const results = new Results();
    for (const [ours, theirs] of [
      [10, 1],
      [20, 10],
      [90, 30],
    ] as const) {
      results.add("row", "ours", { value: ours });
      results.add("row", "theirs", { value: theirs });
    }
    const ratio = results.ratio(
      { row: "row", contender: "ours" },
      { row: "row", contender: "theirs" },
    );
    expect(ratio).toBe(3);
  });

  it("has no ratio where one of the two was not measured", () => {
    const results = new Results();
    results.add("row", "ours", { value: 1 });
    expect(
      results.ratio({ row: "row", contender: "ours" }, { row: "row", contender: "theirs" }),
    ).toBeUndefined();
  });
});
