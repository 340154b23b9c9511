import { check, type Findings } from "./check.ts";
import { enqueueLoad } from "./enqueue-load.ts";
import { gather, settle } from "./evidence.ts";
import { planFaults } from "./plan.ts";
import { createRandom } from "./random.ts";
import { inRunFolder } from "./run-folder.ts";
import type { StoreOptions } from "./stores/store.ts";
import { storm } from "./storm.ts";

/** What a run is made of. */
export interface ChaosOptions extends Omit<StoreOptions, "url"> {
  /** Drives load and faults. */
  readonly seed: number;
  readonly tasks: number;
  /** How long the faults go on, in seconds. */
  readonly seconds: number;
  readonly workers: number;
  /** Time from one killed worker to the next, on average, in milliseconds. */
  readonly everyMs: number;
  /** Workers that are frozen for longer than their lease. */
  readonly stalls: number;
  /** How often the server is killed and started again. */
  readonly crashes: number;
  /** How often the network is cut. */
  readonly cuts: number;
}

/** What a run came to. */
export interface ChaosReport extends Findings {
  readonly acknowledged: number;
  readonly refused: number;
  readonly kills: number;
  readonly stalls: number;
  readonly crashes: number;
  readonly cuts: number;
  /** From the end of the faults until every task was finished, in milliseconds. */
  readonly settledMs: number;
}

/** Part of the time over which tasks are enqueued. */
const LOAD_PART = 0.8;

/** Enqueues tasks while everything goes wrong, lets the rest finish in peace, and says what became of them. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, tasks, leaseMs, broken, store } = options;
  return inRunFolder({ store, leaseMs, broken }, async (run) => {
    const { backend, workers } = run;
    for (let index = 0; index < options.workers; index++) workers.start();
    await workers.ready();
    const durationMs = options.seconds * 1000;
    const faults = planFaults(createRandom(seed + 1), { ...options, durationMs });
    const [load, { crashes, cuts }] = await Promise.all([
      enqueueLoad(createRandom(seed), tasks, durationMs * LOAD_PART),
      storm(run, faults),
    ]);
    const settledMs = await settle(backend);
    return {
      ...check(await gather(run, load.acknowledged)),
      acknowledged: load.acknowledged.length,
      refused: load.refused,
      kills: workers.kills.length,
      stalls: workers.stalls,
      crashes,
      cuts,
      settledMs,
    };
  });
}
