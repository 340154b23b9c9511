import { createId } from "@tasks/core";
import { expect, it } from "vitest";

it("is a version 7 UUID of 32 hexadecimal characters", () => {
  for (let count = 0; count < 300; count++) {
    expect(createId()).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  }
});

it("is never the same twice, and later ids sort after earlier ones", () => {
  // More than the counter of a millisecond holds.
  const ids = Array.from({ length: 20_000 }, () => createId());
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(20_000);
});

it("begins with the time", () => {
  const before = Date.now();
  const time = Number.parseInt(createId().slice(0, 12), 16);
  expect(time).toBeGreaterThanOrEqual(before);
  // Ids made in a rush borrow from the milliseconds to come.
  expect(time).toBeLessThanOrEqual(Date.now() + 100);
});
