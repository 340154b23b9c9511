import { expect, it } from "vitest";

import { planFaults, type FaultKind } from "../chaos/plan.ts";
import { createRandom } from "../chaos/random.ts";

const options = { durationMs: 60_000, everyMs: 500, stalls: 10, crashes: 5, cuts: 10 };

it("lays down as many faults of each kind as asked for, in order, within the time", () => {
  const faults = planFaults(createRandom(1), options);
  const count = (kind: FaultKind): number => faults.filter((fault) => fault.kind === kind).length;
  expect([count("stall"), count("crash"), count("cut")]).toEqual([10, 5, 10]);
  expect(count("kill")).toBeGreaterThan(100);
  const times = faults.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThan(60_000);
});

it("lays down the same faults for the same seed, and others for another", () => {
  const plan = (seed: number): unknown => planFaults(createRandom(seed), options);
  expect(plan(1)).toEqual(plan(1));
  expect(plan(1)).not.toEqual(plan(2));
});
