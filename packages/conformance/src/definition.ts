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
  /** How many requirements are tested side by side, from 1. More is faster where the backend mostly waits. @default 1 */
  readonly parallel?: number | undefined;
  /** Requirements that fail for now. One that passes, or is past its date, fails the suite. @default [] */
  readonly baseline?: readonly BaselineEntry[] | undefined;
}
