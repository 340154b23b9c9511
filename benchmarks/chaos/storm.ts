import { setTimeout as sleep } from "node:timers/promises";

import { between, type Random } from "./random.ts";
import type { Workers } from "./workers.ts";

/** Part of the faults that are stalls instead of kills. */
const STALLS = 0.05;
/** How long a stall lasts, in leases. */
const STALL_LEASES = 2.5;

/** How hard the storm blows. */
export interface StormOptions {
  readonly durationMs: number;
  /** Time from one fault to the next, on average. */
  readonly everyMs: number;
  readonly leaseMs: number;
}

/** Kills random workers, and stalls some for longer than their lease, until the time is over. */
export async function storm(
  workers: Workers,
  random: Random,
  { durationMs, everyMs, leaseMs }: StormOptions,
): Promise<void> {
  const endsAtMs = performance.now() + durationMs;
  while (performance.now() < endsAtMs) {
    await sleep(between(random, everyMs / 2, everyMs * 1.5));
    const isStall = random() < STALLS;
    const chance = random();
    const victim = workers.alive[Math.floor(chance * workers.alive.length)]!;
    if (!isStall) {
      workers.kill(victim);
      continue;
    }
    workers.stall(victim);
    // Time for the others to take over what the victim believes to be its own.
    await sleep(STALL_LEASES * leaseMs);
    workers.wake(victim);
  }
}
