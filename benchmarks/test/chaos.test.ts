import { describe, expect, it } from "vitest";

import { runChaos } from "../chaos/run-chaos.ts";
import { runZombie } from "../chaos/run-zombie.ts";

const PATIENCE_MS = 120_000;

describe.concurrent("workers that are killed and stalled", () => {
  it(
    "lose no task and store no success twice",
    async () => {
      const report = await runChaos({
        store: "sqlite",
        seed: 1,
        tasks: 150,
        seconds: 3,
        workers: 2,
        everyMs: 500,
        stalls: 1,
        crashes: 0,
        cuts: 0,
        leaseMs: 500,
        broken: null,
      });
      expect(report).toMatchObject({ lost: [], failed: [], doubleSuccesses: [], unexplained: [] });
      expect(report.acknowledged).toBe(150);
      expect(report.kills).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it.each(["sqlite", "redis"] as const)(
    "cannot store the outcome of a task that another worker has taken over, on %s",
    async (store) => {
      const findings = await runZombie({ store, leaseMs: 500, broken: null });
      expect(findings.doubleSuccesses).toEqual([]);
      expect(findings.lost).toEqual([]);
      expect(findings.executions).toEqual(new Map([[2, 1]]));
    },
    PATIENCE_MS,
  );

  it.each(["sqlite", "redis"] as const)(
    "are found to store a success twice when %s has no fence",
    async (store) => {
      const findings = await runZombie({ store, leaseMs: 500, broken: "unfenced" });
      expect(findings.doubleSuccesses).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});
