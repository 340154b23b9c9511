import { monotonicNow } from "../internal/monotonic-now.ts";
import { sleep, within } from "../internal/timing.ts";
import { log } from "../log.ts";
import type { AttemptPool } from "./attempt-pool.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { Retention } from "./retention.ts";
import type { Stopping } from "./stopping.ts";
import type { WorkerSession, WorkerStore } from "./worker-store.ts";

/** How long attempts may take to end after the shutdown deadline fired their signals, in milliseconds. */
const ABORT_GRACE_MS = 150;
/** How long after the shutdown deadline a stopping worker still tries to store outcomes, in milliseconds. */
const LAST_FLUSH_MS = 150;
/** How long a stopping worker tries to end its session, in milliseconds. */
const SIGN_OFF_MS = 100;

/** What a worker leaves in order before it is gone. */
interface Belongings {
  readonly store: WorkerStore;
  readonly session: WorkerSession;
  readonly lease: LeaseKeeper;
  readonly attempts: AttemptPool;
  readonly retention: Retention | undefined;
}

/**
 * Lets running attempts end until the deadline, then tells them to, then releases what is left.
 *
 * @param nextEvent a signal that fires with the next event of an attempt.
 */
export async function drain(
  attempts: AttemptPool,
  deadlineMs: number,
  nextEvent: () => AbortSignal,
): Promise<void> {
  const isIdleBefore = async (limitMs: number): Promise<boolean> => {
    while (!attempts.isIdle) {
      const leftMs = limitMs - monotonicNow();
      if (leftMs <= 0) return false;
      await sleep(leftMs, nextEvent());
    }
    return true;
  };
  attempts.stopStarting();
  if (!(await isIdleBefore(deadlineMs))) {
    attempts.abortRunning();
    await isIdleBefore(monotonicNow() + ABORT_GRACE_MS);
  }
  attempts.releaseRunning();
}

/** Stores the last outcomes and signs off; a store that is out of reach holds the worker up until the deadline at most. */
export async function leave(belongings: Belongings, stopping: Stopping): Promise<void> {
  const { attempts, lease, retention } = belongings;
  const leftMs = Math.max(0, stopping.startDeadline() - monotonicNow());
  await within(leftMs + LAST_FLUSH_MS, attempts.flushed());
  if (retention !== undefined) await within(LAST_FLUSH_MS, retention.done());
  attempts.giveUp();
  // Before signing off: a renewal after it would bring the session back.
  await lease.stop();
  await within(SIGN_OFF_MS, signOff(belongings));
}

async function signOff({ store, session }: Belongings): Promise<void> {
  try {
    await store.unregister(session);
  } catch (error) {
    log("warn", `Worker ${session.workerId} could not sign off; its lease will run out.`, {
      error,
    });
  }
}
