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
  const sizes = [10, 138].map((limit) => {
    prefetch.claimed(limit, limit);
    return prefetch.size(10);
  });
  expect(sizes).toEqual([128, 1000]);
});

it("claims twice as many ahead as came when the store gives less than was asked for", () => {
  const prefetch = shortTasks();
  for (let claim = 0; claim < 4; claim++) prefetch.claimed(10, 10);
  prefetch.claimed(120, 500);
  expect(prefetch.size(10)).toBe(240);
  prefetch.claimed(200, 250);
  expect(prefetch.size(10)).toBe(240);
  prefetch.claimed(0, 250);
  expect(prefetch.size(10)).toBe(0);
});

it("claims less ahead when tasks waited for long, as on a busy machine", () => {
  const prefetch = shortTasks();
  for (let claim = 0; claim < 6; claim++) prefetch.claimed(10, 10);
  prefetch.waited(100);
  prefetch.claimed(10, 10);
  expect(prefetch.size(10)).toBe(500);
  prefetch.waited(10);
  prefetch.claimed(10, 10);
  expect(prefetch.size(10)).toBe(1000);
});

it("starts over when the store gives nothing, when claimed tasks had to wait, and when tasks get long", () => {
  const prefetch = shortTasks();
  prefetch.claimed(10, 10);
  prefetch.claimed(0, 10);
  expect(prefetch.size(10)).toBe(0);
  prefetch.claimed(10, 10);
  prefetch.reset();
  expect(prefetch.size(10)).toBe(0);
  const slower = shortTasks();
  slower.claimed(10, 10);
  slower.ended(1000);
  expect(slower.size(10)).toBe(0);
});
