import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Outage } from "../../src/worker/outage.ts";
import { collectLogs } from "../support/logs.ts";

vi.mock("../../src/internal/real-time.ts", () => import("../support/faked-time.ts"));
vi.mock("../../src/internal/monotonic-now.ts", () => import("../support/faked-time.ts"));

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** How long a pause lasts, in milliseconds. */
async function lengthOf(pause: Promise<void>): Promise<number> {
  const before = performance.now();
  let isOver = false;
  void pause.then(() => (isOver = true));
  while (!isOver) await vi.advanceTimersByTimeAsync(1);
  return performance.now() - before;
}

it("pauses longer with every failure in a row: at last for a second or a little more, so that nobody asks oftener", async () => {
  using logs = collectLogs();
  const outage = new Outage("Worker w1");
  const lengths: number[] = [];
  for (let failure = 0; failure < 10; failure++)
    lengths.push(await lengthOf(outage.pause("claim", new Error("away"))));
  expect(lengths[0]).toBeLessThanOrEqual(52);
  for (const length of lengths.slice(-3)) {
    expect(length).toBeGreaterThanOrEqual(1000);
    expect(length).toBeLessThanOrEqual(1502);
  }
  outage.over();
  expect(await lengthOf(outage.pause("claim", new Error("away")))).toBeLessThanOrEqual(52);
  expect(logs.map(({ level, message }) => [level, message])).toEqual([
    ["warn", "Worker w1 could not claim; trying again."],
    ["info", "Worker w1 reached its store again."],
    ["warn", "Worker w1 could not claim; trying again."],
  ]);
});

it("reports a lasting outage twice a minute", async () => {
  using logs = collectLogs();
  const outage = new Outage("Worker w1");
  const startedAt = performance.now();
  while (performance.now() - startedAt < 65_000) {
    const pause = outage.pause("claim", new Error("away"));
    await vi.advanceTimersByTimeAsync(1500);
    await pause;
  }
  expect(logs).toHaveLength(3);
});

it("ends a pause early when the signal fires", async () => {
  using logs = collectLogs();
  const controller = new AbortController();
  const outage = new Outage("Worker w1");
  const pause = outage.pause("claim", new Error("away"), controller.signal);
  controller.abort();
  await pause;
  expect(vi.getTimerCount()).toBe(0);
  expect(logs).toHaveLength(1);
});
