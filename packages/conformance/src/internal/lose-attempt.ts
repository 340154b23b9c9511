import type { TaskRecord } from "@tasks/core";

import type { Scope } from "../scope.ts";
import { until } from "./deadline.ts";
import { StoreDriver } from "./store-driver.ts";

/** A lease that is over soon, in milliseconds; clocks may be as coarse as a second. */
const SOON_OVER_MS = 60;

/** Claims the one task that is ready with a lease that runs out, and recovers it. Resolves with what ended FAILED. */
export async function loseAttempt(t: Scope): Promise<readonly TaskRecord[]> {
  const vanished = await StoreDriver.register(t.backend, { leaseMs: SOON_OVER_MS });
  const { id } = await vanished.claimOne();
  const { store, session } = await StoreDriver.register(t.backend);
  const failed: TaskRecord[] = [];
  await until("The attempt is recovered", async () => {
    failed.push(...(await store.recoverLost(session)));
    return (await t.backend.readRecord(id))?.status !== "RUNNING";
  });
  return failed;
}
