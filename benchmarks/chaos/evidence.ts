import { setTimeout as sleep } from "node:timers/promises";

import { BackendUnavailable, type Backend, type TaskStatus } from "@tasks/core";

import type { Evidence } from "./check.ts";
import { readJournals } from "./journal.ts";
import type { Run } from "./run-folder.ts";

/** How long the workers may take to finish when nothing happens to them any more, in milliseconds. */
const SETTLE_LIMIT_MS = 180_000;

/** Waits until nothing is waiting or running, or the patience is over: what is open then is lost. Resolves with how long that took. */
export async function settle(backend: Backend): Promise<number> {
  const startedAtMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedAtMs;
  while (elapsedMs() < SETTLE_LIMIT_MS) {
    if ((await countOpen(backend)) === 0) break;
    await sleep(50);
  }
  return elapsedMs();
}

/** How many tasks wait or run; `undefined` while a connection that did not outlive the faults has not been given up. */
async function countOpen(backend: Backend): Promise<number | undefined> {
  try {
    const { READY, RUNNING } = await backend.counts();
    return READY + RUNNING;
  } catch (error) {
    if (BackendUnavailable.is(error)) return undefined;
    throw error;
  }
}

/** Stops the workers and gathers what they and the store have to say. */
export async function gather(
  { folder, backend, workers }: Run,
  acknowledged: readonly string[],
): Promise<Evidence> {
  await workers.stop();
  const statuses = new Map<string, TaskStatus>();
  for (const id of acknowledged) {
    const record = await backend.readRecord(id);
    if (record !== undefined) statuses.set(id, record.status);
  }
  return { acknowledged, statuses, entries: readJournals(folder), kills: workers.kills };
}
