import type { Outcome } from "./report.ts";

/** An outcome, and what the test has to throw. */
export interface Verdict {
  readonly outcome: Outcome;
  /** Absent when the test passes or is skipped. */
  readonly error?: unknown;
}
