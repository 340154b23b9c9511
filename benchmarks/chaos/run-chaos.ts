import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { configureTasks, type Backend, type TaskStatus } from "@tasks/core";

import { createChaosBackend } from "./chaos-backend.ts";
import { check, type Findings } from "./check.ts";
import { enqueueLoad } from "./enqueue-load.ts";
import { readJournals } from "./journal.ts";
import { createRandom } from "./random.ts";
import { storm } from "./storm.ts";
import { Workers } from "./workers.ts";

/** What a run is made of. */
export interface ChaosOptions {
  /** Drives load and faults. */
  readonly seed: number;
  readonly tasks: number;
  /** How long workers are killed, in seconds. */
  readonly seconds: number;
  readonly workers: number;
  readonly leaseMs: number;
  readonly broken: "unfenced" | null;
}

/** What a run came to. */
export interface ChaosReport extends Findings {
  readonly acknowledged: number;
  readonly refused: number;
  readonly kills: number;
  readonly stalls: number;
  /** From the end of the faults until every task was finished, in milliseconds. */
  readonly settledMs: number;
}

/** Part of the time over which tasks are enqueued. */
const LOAD_PART = 0.8;
/** How long the workers may take to finish when nothing happens to them any more, in milliseconds. */
const SETTLE_LIMIT_MS = 90_000;

/** Enqueues tasks while workers are killed and stalled, lets the rest finish in peace, and says what became of them. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, tasks, seconds, leaseMs, broken } = options;
  const folder = await mkdtemp(join(tmpdir(), "tasks-chaos-"));
  const store = { file: join(folder, "tasks.db"), leaseMs, broken };
  try {
    // The intact store makes the tables, whoever works on them later.
    await using backend = createChaosBackend({ ...store, broken: null });
    await backend.migrate();
    configureTasks({ backends: { default: backend } });
    await using workers = new Workers({ ...store, folder });
    for (let index = 0; index < options.workers; index++) workers.start();
    const durationMs = seconds * 1000;
    const [load] = await Promise.all([
      enqueueLoad(createRandom(seed), tasks, durationMs * LOAD_PART),
      storm(workers, createRandom(seed + 1), durationMs, leaseMs),
    ]);
    const settledMs = await settle(backend);
    await workers.stop();
    const { kills, stalls } = workers;
    const entries = readJournals(folder);
    const statuses = await readStatuses(backend, load.acknowledged);
    const findings = check({ acknowledged: load.acknowledged, statuses, entries, kills });
    return {
      ...findings,
      acknowledged: load.acknowledged.length,
      refused: load.refused,
      kills: kills.length,
      stalls,
      settledMs,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Waits until nothing is waiting or running, or the patience is over: what is open then is lost. */
async function settle(backend: Backend): Promise<number> {
  const startedAtMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedAtMs;
  while (elapsedMs() < SETTLE_LIMIT_MS) {
    const { READY, RUNNING } = await backend.counts();
    if (READY + RUNNING === 0) break;
    await sleep(50);
  }
  return elapsedMs();
}

async function readStatuses(
  backend: Backend,
  ids: readonly string[],
): Promise<ReadonlyMap<string, TaskStatus>> {
  const statuses = new Map<string, TaskStatus>();
  for (const id of ids) {
    const record = await backend.readRecord(id);
    if (record !== undefined) statuses.set(id, record.status);
  }
  return statuses;
}
