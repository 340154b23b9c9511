import { expect, it } from "vitest";

import { show } from "../../src/internal/show.ts";

it.each([
  ["text", '"text"'],
  ["x".repeat(1000), `"${"x".repeat(200)}"`],
  [42, "42"],
  [1n, "1"],
  [null, "null"],
  [undefined, "undefined"],
  [Symbol("s"), "Symbol(s)"],
  [() => 1, "a function"],
  [[1, 2], "an array"],
  [{ a: 1 }, "an object"],
])("shows %s", (value, text) => {
  expect(show(value)).toBe(text);
});
