import { setTimeout as sleep } from "node:timers/promises";

import type { Fault } from "./plan.ts";
import { between } from "./random.ts";
import type { Run } from "./run-folder.ts";

/** How long a stall lasts, in leases: time for the others to take over what the victim believes to be its own. */
const STALL_LEASES = 2.5;
/** How long a server stays down, in milliseconds. */
const DOWN_MS = [100, 2000] as const;
/** How long a network stays cut, in milliseconds. */
const CUT_MS = [100, 3000] as const;

/** What happened. */
export interface Storm {
  readonly crashes: number;
  readonly cuts: number;
}

/** Lets the faults happen, each at its time; several may last at once. Resolves when all is in order again. */
export async function storm(run: Run, faults: readonly Fault[]): Promise<Storm> {
  const startedAtMs = performance.now();
  const lasting: Promise<void>[] = [];
  let crashes = 0;
  let cuts = 0;
  // One after the other: what is down cannot be killed.
  let server = Promise.resolve();
  for (const fault of faults) {
    await sleep(Math.max(0, startedAtMs + fault.atMs - performance.now()));
    switch (fault.kind) {
      case "kill":
        kill(run, fault);
        break;
      case "stall":
        lasting.push(stall(run, fault));
        break;
      case "crash":
        crashes++;
        server = server.then(() => crash(run, fault));
        break;
      case "cut":
        cuts++;
        lasting.push(cut(run, fault));
        break;
    }
  }
  await Promise.all([...lasting, server]);
  run.store.network?.pass();
  return { crashes, cuts };
}

function kill({ workers }: Run, { victim }: Fault): void {
  // Whoever is stalled stays so for its time. On a machine that is slow to start workers somebody has to stay who takes over.
  const candidates = workers.awake;
  if (candidates.length < 2) return;
  workers.kill(candidates[Math.floor(victim * candidates.length)]!);
}

async function stall({ workers, leaseMs }: Run, { victim }: Fault): Promise<void> {
  while (workers.awake.length === 0) await sleep(20);
  const chosen = workers.awake[Math.floor(victim * workers.awake.length)]!;
  workers.stall(chosen);
  await sleep(STALL_LEASES * leaseMs);
  workers.wake(chosen);
}

async function crash({ store }: Run, { force }: Fault): Promise<void> {
  await store.server?.kill();
  await sleep(between(() => force, ...DOWN_MS));
  await store.server?.start();
}

/** Some cuts end connections, some refuse new ones for a while, and some swallow what is sent without a word. */
async function cut({ store: { network } }: Run, { force, victim }: Fault): Promise<void> {
  if (network === null) return;
  if (victim < 0.3) {
    network.cut();
    return;
  }
  if (victim < 0.65) network.refuse();
  else network.swallow();
  await sleep(between(() => force, ...CUT_MS));
  network.pass();
}
