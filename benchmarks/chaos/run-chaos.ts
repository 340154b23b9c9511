import type { StoreOptions } from "./chaos-backend.ts";
import { check, type Findings } from "./check.ts";
import { enqueueLoad } from "./enqueue-load.ts";
import { gather, settle } from "./evidence.ts";
import { createRandom } from "./random.ts";
import { inRunFolder } from "./run-folder.ts";
import { storm } from "./storm.ts";

/** What a run is made of. */
export interface ChaosOptions extends Omit<StoreOptions, "file"> {
  /** Drives load and faults. */
  readonly seed: number;
  readonly tasks: number;
  /** How long workers are killed, in seconds. */
  readonly seconds: number;
  readonly workers: number;
  /** Time from one fault to the next, on average, in milliseconds. */
  readonly everyMs: number;
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

/** Enqueues tasks while workers are killed and stalled, lets the rest finish in peace, and says what became of them. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, tasks, seconds, everyMs, leaseMs, broken } = options;
  return inRunFolder({ leaseMs, broken }, async (run) => {
    const { backend, workers } = run;
    for (let index = 0; index < options.workers; index++) workers.start();
    const durationMs = seconds * 1000;
    const [load] = await Promise.all([
      enqueueLoad(createRandom(seed), tasks, durationMs * LOAD_PART),
      storm(workers, createRandom(seed + 1), { durationMs, everyMs, leaseMs }),
    ]);
    const settledMs = await settle(backend);
    return {
      ...check(await gather(run, load.acknowledged)),
      acknowledged: load.acknowledged.length,
      refused: load.refused,
      kills: workers.kills.length,
      stalls: workers.stalls,
      settledMs,
    };
  });
}
