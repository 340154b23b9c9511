import { describe, expect, it } from "vitest";

import { MAX_LOST } from "../chaos/chaos-task.ts";
import { runChaos, type ChaosOptions } from "../chaos/run-chaos.ts";
import { runZombie } from "../chaos/run-zombie.ts";

const PATIENCE_MS = 180_000;

/** As small as a run can be in which everything happens. */
const SMALL: Omit<ChaosOptions, "store"> = {
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
};

/** What else goes wrong on a server, for which leases have to be longer. */
const ON_SERVER = { ...SMALL, crashes: 1, cuts: 2, leaseMs: 1000 };
/** The other stores take too long to set up, or lose what they say they lose. */
const STORES = ["sqlite", "postgres", "mariadb", "redis"] as const;
const RUNS: Readonly<Record<(typeof STORES)[number], ChaosOptions>> = {
  sqlite: { store: "sqlite", ...SMALL },
  postgres: { store: "postgres", ...ON_SERVER },
  mariadb: { store: "mariadb", ...ON_SERVER },
  redis: { store: "redis", ...ON_SERVER },
};

describe.concurrent.each(STORES)("on %s, workers that are killed and stalled", (store) => {
  it(
    "lose no task and store no success twice",
    async () => {
      const report = await runChaos(RUNS[store]);
      expect(report).toMatchObject({ lost: [], failed: [], doubleSuccesses: [], unexplained: [] });
      const { tasks, crashes, cuts, stalls } = RUNS[store];
      expect(report).toMatchObject({ acknowledged: tasks, crashes, cuts, stalls });
      expect(report.kills).toBeGreaterThan(0);
      expect(Math.max(...report.executions.keys())).toBeLessThanOrEqual(MAX_LOST + 1);
    },
    PATIENCE_MS,
  );

  it(
    "cannot store the outcome of a task that another worker has taken over",
    async () => {
      const findings = await runZombie({ store, leaseMs: 1000, broken: null });
      expect(findings.doubleSuccesses).toEqual([]);
      expect(findings.lost).toEqual([]);
      expect(findings.executions).toEqual(new Map([[2, 1]]));
    },
    PATIENCE_MS,
  );

  it(
    "are found to store a success twice when the store has no fence",
    async () => {
      const findings = await runZombie({ store, leaseMs: 500, broken: "unfenced" });
      expect(findings.doubleSuccesses).toHaveLength(1);
    },
    PATIENCE_MS,
  );
});
