import { describe, expect, it } from "vitest";

import { parseRunAfter } from "../src/run-after.ts";

describe("parseRunAfter", () => {
  it("reads delays, alone and added up", () => {
    expect(parseRunAfter("10m")).toEqual({ minutes: 10 });
    expect(parseRunAfter("1.5h")).toEqual({ hours: 1.5 });
    expect(parseRunAfter("1d2h30s500ms")).toEqual({
      days: 1,
      hours: 2,
      seconds: 30,
      milliseconds: 500,
    });
  });

  it("reads dates with and without a zone", () => {
    expect(parseRunAfter("2026-12-24T08:00:00Z")).toEqual(new Date("2026-12-24T08:00:00Z"));
    expect(parseRunAfter("2026-12-24T08:00+02:00")).toEqual(new Date("2026-12-24T06:00:00Z"));
    expect(parseRunAfter("2026-12-24 08:00")).toEqual(new Date(2026, 11, 24, 8));
  });

  it.each(["", "soon", "10", "10 m", "-5m", "m", "2026-13-01T00:00Z", "2026-12-24"])(
    "refuses %j",
    (text) => {
      expect(() => parseRunAfter(text)).toThrow("Give a delay such as 30s, 10m, 2h or 1d");
    },
  );
});
