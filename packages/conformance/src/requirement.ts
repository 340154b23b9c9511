import type { Ability } from "@tasks/core";

import type { Scope } from "./scope.ts";

/**
 * What the surroundings of a backend must offer besides its abilities.
 *
 * - `queued`: an enqueued task waits; backends that run it inside `enqueue` have no waiting results.
 * - `execution`: tasks are run, by a worker or inside `enqueue`.
 * - `queues`: `createBackend` passes its `queues` on.
 * - `secondHandle`: `createBackend`, called again with the same namespace, opens the same store.
 * - `outsideView`: others can look at the store while a transaction of the caller's is open.
 * - `workerStore`: workers are `QueueWorker`s, whose store the suite can drive step by step.
 * - `wakeUps`: their stores notify idle workers (`waitForWork`).
 * - `resultWakeUps`: the backend notifies those who wait for a result (`waitForChange`).
 * - `shortLease`: `createBackend` passes its `leaseMs` on.
 */
export type Surrounding =
  | "queued"
  | "execution"
  | "queues"
  | "secondHandle"
  | "outsideView"
  | "workerStore"
  | "wakeUps"
  | "resultWakeUps"
  | "shortLease";

/** An ability or a surrounding. */
export type Need = Ability | "transaction" | Surrounding;

/** One sentence of the contract and the test that proves it. */
export interface Requirement {
  /** Permanent: `topic.what`. Never reused for something else. */
  readonly id: string;
  /** What a backend promises. */
  readonly sentence: string;
  /** All of these must be there, otherwise the requirement does not apply. */
  readonly needs: readonly Need[];
  /** Applies only to backends that do not declare this ability. */
  readonly lacks?: Ability | "transaction" | undefined;
  /** Cases of Django's own suites this covers, by their numbers in `upstream.ts`. */
  readonly upstream?: readonly string[] | undefined;
  /** Queue names the backend is created with; `[]` accepts any. @default [] */
  readonly queues?: readonly string[] | undefined;
  /** Lease the backend is created with, in milliseconds. @default 60000 */
  readonly leaseMs?: number | undefined;
  /** No other requirement may be tested at the same time, because the test holds up the process. @default false */
  readonly alone?: boolean | undefined;
  /** How long the test may take, in milliseconds. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Runs in a scope of its own; rejects when the promise is broken. */
  readonly test: (t: Scope) => Promise<void> | void;
}

/** The part of the id before the dot: the file that owns the requirement. */
export function topicOf(requirement: Pick<Requirement, "id">): string {
  return requirement.id.slice(0, requirement.id.indexOf("."));
}

/** How long a requirement's test may take, in milliseconds. */
export function timeoutOf({ timeoutMs = 30_000 }: Pick<Requirement, "timeoutMs">): number {
  return timeoutMs;
}
