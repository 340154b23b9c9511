import { expect, it } from "vitest";

import { hasColors } from "../../src/output/styles.ts";

const terminal = { write: () => {}, isTTY: true };
const pipe = { write: () => {}, isTTY: false };

it("colours a terminal and nothing else", () => {
  expect(hasColors(terminal, {})).toBe(true);
  expect(hasColors(pipe, {})).toBe(false);
  expect(hasColors(terminal, { TERM: "dumb" })).toBe(false);
});

it("honours NO_COLOR and FORCE_COLOR", () => {
  expect(hasColors(terminal, { NO_COLOR: "1" })).toBe(false);
  expect(hasColors(terminal, { NO_COLOR: "" })).toBe(true);
  expect(hasColors(pipe, { FORCE_COLOR: "1" })).toBe(true);
  expect(hasColors(pipe, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(true);
  expect(hasColors(terminal, { FORCE_COLOR: "0" })).toBe(false);
});
