import type { Backend } from "@tasks/core";

/** What `createBackend` is given. Pass on what your backend has an option for. */
export interface CreateBackendOptions {
  /** 1–24 lower-case letters, digits and "_", beginning with a letter: a prefix for tables or keys. Every requirement has its own. */
  readonly namespace: string;
  /** Queue names the backend must accept; `[]` for any. */
  readonly queues: readonly string[];
  /** How long a worker's lease lasts, in milliseconds: a second in requirements about leases, else a minute. */
  readonly leaseMs: number;
}

/** A requirement that is known to fail, for now. */
export interface BaselineEntry {
  /** Id of the requirement. */
  readonly id: string;
  /** Why it fails. */
  readonly reason: string;
  /** The last day on which it may fail, `YYYY-MM-DD`. */
  readonly expires: string;
}

/** How random operations are chosen. */
export interface RandomOptions {
  /** Where the random numbers begin; a failure names it. @default another one in each process */
  readonly seed?: number | undefined;
  /** Only the list of steps at this place of the seed's; a failure names it. */
  readonly path?: string | undefined;
  /** How many lists of steps each requirement plays. @default 25 */
  readonly runs?: number | undefined;
}

/** The backend under test. */
export interface BackendDefinition {
  /** Package or class name, as reports should show it. */
  readonly name: string;
  /** Makes a backend that is ready for use: connected, migrated. Closed by the suite. */
  readonly createBackend: (options: CreateBackendOptions) => Backend | Promise<Backend>;
  /** Removes what a namespace left in the store; called after its backends are closed. @default nothing is removed */
  readonly destroy?: ((options: { readonly namespace: string }) => Promise<void>) | undefined;
  /**
   * `createBackend`, called again with the same namespace, opens the same store, as another process would. Say `false` for a backend that lives inside
   * one process. @default supports.worker
   */
  readonly sharesStore?: boolean | undefined;
  /**
   * The store has one connection, which a transaction of the caller's has to itself: whoever looks from outside meanwhile waits for its end. Requirements that
   * look are reported as not applicable. @default false
   */
  readonly oneConnection?: boolean | undefined;
  /**
   * Runs `run` inside a transaction of the caller: committed when it resolves, rolled back when it rejects. Required when `supports.transaction` is
   * declared. `transaction` is what the caller would pass to `using({ transaction })`.
   */
  readonly withTransaction?:
    | (<T>(backend: Backend, run: (transaction: unknown) => Promise<T>) => Promise<T>)
    | undefined;
  /**
   * Moves the clock of one backend's store forward, where it can be set. With it random operations also wait for due times and for the end of windows.
   * @default the clock is left alone
   */
  readonly advanceClock?: ((backend: Backend, ms: number) => Promise<void> | void) | undefined;
  /** How random operations are chosen. */
  readonly random?: RandomOptions | undefined;
  /** How many requirements are tested side by side, from 1. More is faster where the backend mostly waits. @default 1 */
  readonly parallel?: number | undefined;
  /**
   * Multiplies every time limit of the suite. Limits count only time that the process is given, so a busy machine seldom needs more than 1.
   * @default the environment variable TASKS_CONFORMANCE_TIME_SCALE, else 1
   */
  readonly timeScale?: number | undefined;
  /** Requirements that fail for now. One that passes, or is past its date, fails the suite. @default [] */
  readonly baseline?: readonly BaselineEntry[] | undefined;
}

/** By how much the suite's time limits are multiplied. @throws Error when it is not a number above 0. */
export function timeScaleOf({ timeScale }: Pick<BackendDefinition, "timeScale">): number {
  const scale = timeScale ?? Number(process.env["TASKS_CONFORMANCE_TIME_SCALE"] ?? 1);
  if (scale > 0) return scale;
  throw new Error(`timeScale must be a number above 0, not ${scale}.`);
}
