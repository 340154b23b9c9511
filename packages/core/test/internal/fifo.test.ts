import { expect, it } from "vitest";

import { Fifo } from "../../src/internal/fifo.ts";

it("gives back what was put in, first in first out", () => {
  const queue = new Fifo<number>();
  queue.push(1);
  queue.push(2);
  expect(queue.take()).toBe(1);
  queue.push(3);
  expect(queue.peek()).toBe(2);
  expect(queue.size).toBe(2);
  expect(queue.items()).toEqual([2, 3]);
  expect(queue.take()).toBe(2);
  expect(queue.take()).toBe(3);
  expect(queue.take()).toBeUndefined();
  expect(queue.peek()).toBeUndefined();
  expect(queue.size).toBe(0);
});

it("gives everything at once, and is empty then", () => {
  const queue = new Fifo<string>();
  for (const item of ["a", "b", "c"]) queue.push(item);
  queue.take();
  expect(queue.takeAll()).toEqual(["b", "c"]);
  expect(queue.size).toBe(0);
  queue.push("d");
  expect(queue.take()).toBe("d");
});
