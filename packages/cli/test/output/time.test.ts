import { describe, expect, it } from "vitest";

import { formatDuration, formatRelative } from "../../src/output/time.ts";

describe("formatDuration", () => {
  it.each([
    [0, "0ms"],
    [999, "999ms"],
    [1000, "1s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [3_600_000, "1h"],
    [90_000_000, "1d"],
    [8_640_000_000, "100d"],
  ])("says %d ms as %s", (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});

describe("formatRelative", () => {
  const now = new Date("2026-01-01T00:00:00Z");

  it("tells past, present and future apart", () => {
    expect(formatRelative(new Date("2025-12-31T23:55:00Z"), now)).toBe("5m ago");
    expect(formatRelative(new Date("2026-01-01T00:00:00.500Z"), now)).toBe("now");
    expect(formatRelative(new Date("2026-01-01T03:00:00Z"), now)).toBe("in 3h");
  });
});
