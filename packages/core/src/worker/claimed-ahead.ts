import type { ClaimedTask } from "./worker-store.ts";

/** States of a task that was claimed ahead. */
const [WAITING, TAKEN, GIVEN_BACK] = [0, 1, 2];

/**
 * The tasks of one claim that may have to wait for a slot, as two threads see them. The main thread
 * takes them one by one; the lease thread gives back those that still wait while a task computes
 * and blocks the main thread. Who changes a state first has the task, so that no task begins after
 * it was given back.
 */
export interface ClaimedAhead {
  readonly type: "ahead";
  readonly ids: readonly string[];
  readonly fences: readonly number[];
  /** One state for each task, in memory that the threads share. */
  readonly states: Uint8Array;
}

/** Describes newly claimed tasks, which all wait. */
export function claimedAhead(tasks: readonly Pick<ClaimedTask, "id" | "fence">[]): ClaimedAhead {
  return {
    type: "ahead",
    ids: tasks.map(({ id }) => id),
    fences: tasks.map(({ fence }) => fence),
    states: new Uint8Array(new SharedArrayBuffer(tasks.length)),
  };
}

/** Takes a task, to begin it or to give it back by the usual way. `false` when the lease thread was faster. */
export function takeAhead({ states }: ClaimedAhead, index: number): boolean {
  return Atomics.compareExchange(states, index, WAITING!, TAKEN!) === WAITING;
}

/** Takes every task that still waits, in the lease thread. */
export function takeAllAhead({
  ids,
  fences,
  states,
}: ClaimedAhead): { readonly id: string; readonly fence: number }[] {
  return ids.flatMap((id, index) =>
    Atomics.compareExchange(states, index, WAITING!, GIVEN_BACK!) === WAITING
      ? [{ id, fence: fences[index]! }]
      : [],
  );
}

/** Tells whether a task still waits. */
export function isAnyAhead({ states }: ClaimedAhead): boolean {
  return states.some((_state, index) => Atomics.load(states, index) === WAITING);
}
