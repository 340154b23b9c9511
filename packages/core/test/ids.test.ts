import { createId } from "@tasks/core";
import { expect, it } from "vitest";

it("is a version 7 UUID of 32 hexadecimal characters", () => {
  for (let count = 0; count < 300; count++) {
    expect(createId()).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  }
});

it("is never the same twice", () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => createId(0)));
  expect(ids.size).toBe(10_000);
});

it("begins with the time, so that later ids sort after earlier ones", () => {
  const times = [0, 1, 255, 1_900_000_000_000, 2 ** 48 - 1];
  const ids = times.map((time) => createId(time));
  expect(ids.toSorted()).toEqual(ids);
  expect(ids.map((id) => Number.parseInt(id.slice(0, 12), 16))).toEqual(times);
});
