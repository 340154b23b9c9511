import { setTimeout as sleep } from "node:timers/promises";

import { BackendUnavailable } from "@tasks/core";

import { chaosTask, type Work } from "./chaos-task.ts";
import { between, type Random } from "./random.ts";

/** Pause between two groups of enqueues, in milliseconds. */
const EVERY_MS = 50;
/** Pause before a refused enqueue is tried anew, in milliseconds. */
const AGAIN_MS = 200;

/** What was enqueued. */
export interface Load {
  /** Ids whose enqueue was acknowledged. */
  readonly acknowledged: readonly string[];
  /** Enqueues that were refused: stored or not, nobody was promised anything. */
  readonly refused: number;
}

/** Enqueues tasks spread over a time, each until one is acknowledged. */
export async function enqueueLoad(random: Random, tasks: number, overMs: number): Promise<Load> {
  const acknowledged: string[] = [];
  let refused = 0;
  const startedAtMs = performance.now();
  const enqueue = async (work: Work): Promise<void> => {
    for (;;) {
      try {
        acknowledged.push((await chaosTask.enqueue(work)).id);
        return;
      } catch (error) {
        if (!BackendUnavailable.is(error)) throw error;
        refused++;
      }
      await sleep(AGAIN_MS);
    }
  };
  let enqueued = 0;
  while (enqueued < tasks) {
    const due = Math.ceil((tasks * (performance.now() - startedAtMs)) / overMs);
    const group: Promise<void>[] = [];
    for (; enqueued < Math.min(due, tasks); enqueued++) group.push(enqueue(createWork(random)));
    await Promise.all(group);
    await sleep(EVERY_MS);
  }
  return { acknowledged, refused };
}

/** Mostly short, some long enough to be hit, a few longer than a lease, a few that hold up their process. */
function createWork(random: Random): Work {
  const kind = random();
  if (kind < 0.85) return { ms: Math.round(between(random, 0, 30)), isBlocking: false };
  if (kind < 0.985) return { ms: Math.round(between(random, 100, 500)), isBlocking: false };
  if (kind < 0.995) return { ms: Math.round(between(random, 2000, 2500)), isBlocking: false };
  return { ms: Math.round(between(random, 50, 400)), isBlocking: true };
}
