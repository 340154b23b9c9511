import { expect, it } from "vitest";

import { Heap } from "../../src/internal/heap.ts";

it("gives back what was put in, smallest first", () => {
  const heap = new Heap<number>((a, b) => a < b);
  // A fixed sequence that looks random: the same at every run.
  const items = Array.from({ length: 500 }, (_, index) => (index * 7919) % 503);
  for (const item of items) heap.push(item);
  expect(heap.size).toBe(500);
  expect(heap.peek()).toBe(Math.min(...items));
  const out = Array.from({ length: 500 }, () => heap.pop());
  expect(out).toEqual(items.toSorted((a, b) => a - b));
  expect(heap.size).toBe(0);
  expect(heap.pop()).toBeUndefined();
  expect(heap.peek()).toBeUndefined();
});

it("keeps its order while items come and go", () => {
  const heap = new Heap<number>((a, b) => a < b);
  const out: number[] = [];
  for (let round = 0; round < 100; round++) {
    heap.push((round * 31) % 97);
    heap.push((round * 17) % 89);
    out.push(heap.pop() ?? Number.NaN);
  }
  const rest = Array.from({ length: 100 }, () => heap.pop() ?? Number.NaN);
  expect(rest).toEqual(rest.toSorted((a, b) => a - b));
  expect(out).toHaveLength(100);
  expect(out.every((item) => item <= (rest.at(-1) ?? 0))).toBe(true);
});
