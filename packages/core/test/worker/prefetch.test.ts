import { expect, it } from "vitest";

import { Prefetch } from "../../src/worker/prefetch.ts";

function shortTasks(): Prefetch {
  const prefetch = new Prefetch();
  for (let count = 0; count < 100; count++) prefetch.ended(0.1);
  return prefetch;
}

it("claims nothing ahead before it knows that tasks are short", () => {
  const prefetch = new Prefetch();
  prefetch.claimed(10, 10);
  expect(prefetch.size(10)).toBe(0);
});

it("claims more and more ahead while tasks are short and the store gives all that is asked for", () => {
  const prefetch = shortTasks();
  const sizes = [10, 42, 74, 138, 266, 522].map((limit) => {
    prefetch.claimed(limit, limit);
    return prefetch.size(10);
  });
  expect(sizes).toEqual([32, 64, 128, 256, 512, 1000]);
});

it("starts over when the store gives less, when claimed tasks had to wait, and when tasks get long", () => {
  const prefetch = shortTasks();
  prefetch.claimed(10, 10);
  prefetch.claimed(9, 10);
  expect(prefetch.size(10)).toBe(0);
  prefetch.claimed(10, 10);
  prefetch.reset();
  expect(prefetch.size(10)).toBe(0);
  const slower = shortTasks();
  slower.claimed(10, 10);
  slower.ended(1000);
  expect(slower.size(10)).toBe(0);
});
