import { expect, it } from "vitest";

import { createProgressBar } from "../../src/output/progress-bar.ts";

function terminal(isTTY: boolean): {
  readonly written: string[];
  readonly isTTY: boolean;
  write(text: string): void;
} {
  const written: string[] = [];
  return { written, isTTY, write: (text) => void written.push(text) };
}

it("draws on one line of a terminal and takes itself away", () => {
  const stream = terminal(true);
  const bar = createProgressBar(stream, "Pruning");
  bar.update(500, 2000);
  bar.clear();
  bar.clear();
  expect(stream.written).toHaveLength(2);
  expect(stream.written[0]).toBe(
    `\r\u001B[2KPruning ${"█".repeat(8)}${"░".repeat(22)}  25%  500 of 2000`,
  );
  expect(stream.written[1]).toBe("\r\u001B[2K");
});

it("is full when there was nothing to do", () => {
  const stream = terminal(true);
  createProgressBar(stream, "Pruning").update(0, 0);
  expect(stream.written[0]).toContain("100%");
});

it("writes nothing where nobody looks", () => {
  const stream = terminal(false);
  const bar = createProgressBar(stream, "Pruning");
  bar.update(1, 2);
  bar.clear();
  expect(stream.written).toEqual([]);
});
