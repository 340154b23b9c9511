import { setTimeout as sleep } from "node:timers/promises";

import { chaosTask } from "./chaos-task.ts";
import { check, type Findings } from "./check.ts";
import { gather, settle } from "./evidence.ts";
import { readJournals } from "./journal.ts";
import { inRunFolder } from "./run-folder.ts";
import type { StoreOptions } from "./stores/store.ts";

/** How long the task takes: enough to be stalled in the middle of it. */
const WORK_MS = 4000;

/**
 * The fault that fences are for, step by step: a worker is frozen in the middle of a task, another one takes the task over, and the first goes on and
 * brings its outcome as if nothing had happened.
 */
export async function runZombie(options: Omit<StoreOptions, "url">): Promise<Findings> {
  return inRunFolder(options, async (run) => {
    const { folder, backend, workers } = run;
    const first = workers.start();
    // It holds up its process, so that nothing tells the zombie the time before it is done.
    const { id } = await chaosTask.enqueue({ ms: WORK_MS, isBlocking: true });
    await hasStarted(folder, first.name);
    workers.stall(first);
    const second = workers.start();
    await hasStarted(folder, second.name);
    workers.wake(first);
    await settle(backend);
    return check(await gather(run, [id]));
  });
}

async function hasStarted(folder: string, worker: string): Promise<void> {
  const isStart = (entry: { type: string; worker: string }): boolean =>
    entry.type === "start" && entry.worker === worker;
  while (!readJournals(folder).some(isStart)) await sleep(5);
}
