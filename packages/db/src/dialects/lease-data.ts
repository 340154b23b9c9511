import type { SqlValue } from "../connection.ts";

/** A statement and the first of its parameters. */
interface Prepared {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/**
 * Data of a lease thread. A file of its own: the thread's entry point exports no types of a driver.
 */
export interface LeaseData<Config> {
  /** How the driver connects. */
  readonly config: Config;
  /** On SQLite the present follows, three times. */
  readonly renewLease: Prepared;
  /** `attemptList` follows. */
  readonly giveBack: Prepared;
  readonly leaseMs: number;
}

/** The last parameter of `giveBack`. */
export function attemptList(
  attempts: readonly { readonly id: string; readonly fence: number }[],
): string {
  return JSON.stringify(attempts.map(({ id, fence }) => [id, fence]));
}
