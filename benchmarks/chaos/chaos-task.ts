import { setTimeout as sleep } from "node:timers/promises";

import { createId, currentTask, task, type Task } from "@tasks/core";

import type { Journal } from "./journal.ts";

/** How long a task takes, and whether it holds up its process meanwhile. */
export interface Work {
  readonly ms: number;
  readonly isBlocking: boolean;
}

let journal: Journal | undefined;

/** Sets where executions in this process are noted. */
export function useJournal(used: Journal): void {
  journal = used;
}

/** Times that an attempt may be lost before the task is FAILED: the longest tasks are hit again and again. */
export const MAX_LOST = 50;

/** Notes when it starts and when it ends, and takes a while in between. */
export const chaosTask: Task<[work: { ms: number; isBlocking: boolean }], number> = task(
  { name: "chaos", maxLost: MAX_LOST },
  async (work: { ms: number; isBlocking: boolean }) => {
    const { taskResult, attempt } = currentTask()!;
    const execution = { taskId: taskResult.id, attempt, owner: createId() };
    journal?.write({ type: "start", ...execution });
    if (work.isBlocking) block(work.ms);
    else await sleep(work.ms);
    journal?.write({ type: "end", ...execution });
    return work.ms;
  },
);

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
