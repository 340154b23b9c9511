import { expect, it } from "vitest";

import { ClaimDoubt } from "../../src/worker/claim-doubt.ts";

it("asks for a check after a lost reply, however long the store stays away, and then ever more rarely", () => {
  let nowMs = 0;
  const doubt = new ClaimDoubt(() => nowMs);
  nowMs = 3_600_000;
  expect(doubt.isDue).toBe(false);
  doubt.begin();
  nowMs += 24 * 3_600_000;
  expect(doubt.isDue).toBe(true);
  const checks: number[] = [];
  for (const endMs = nowMs + 600_000; nowMs < endMs; nowMs += 1000) {
    if (!doubt.isDue) continue;
    checks.push(nowMs);
    doubt.checked();
  }
  const pauses = checks.slice(1).map((ms, index) => ms - checks[index]!);
  expect(pauses.slice(0, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
  expect(new Set(pauses.slice(7))).toEqual(new Set([60_000]));
});
