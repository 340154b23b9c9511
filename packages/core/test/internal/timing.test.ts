import { expect, it } from "vitest";

import { sleep, within } from "../../src/internal/timing.ts";

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Holds up the whole process, in milliseconds. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it("ends with the promise when that is first", async () => {
  const startedAt = performance.now();
  await within(60_000, turn());
  expect(performance.now() - startedAt).toBeLessThan(30_000);
});

it("ends after the time when the promise is later", async () => {
  const never = new Promise<void>(() => undefined);
  const startedAt = performance.now();
  await within(60, never);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(50);
});

it("does not take a stall of the process for slowness of what it waits for", async () => {
  let isDone = false;
  const few = async (): Promise<void> => {
    await turn();
    await turn();
    await turn();
    isDone = true;
  };
  const waiting = within(100, few());
  stall(200);
  await waiting;
  expect(isDone).toBe(true);
});

it("sleeps until its signal fires, if that is sooner", async () => {
  const sooner = new AbortController();
  const startedAt = performance.now();
  const sleeping = sleep(60_000, sooner.signal);
  sooner.abort();
  await sleeping;
  expect(performance.now() - startedAt).toBeLessThan(30_000);
});
