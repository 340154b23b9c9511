import { findBaselineProblems } from "./baseline.ts";
import type { BackendDefinition } from "./definition.ts";
import type { ConformanceReport, Outcome } from "./report.ts";
import { requirements } from "./requirements/index.ts";
import { Suite } from "./suite.ts";

/** Options of `checkBackend`. */
export interface CheckBackendOptions {
  /** Only requirements whose id one of these begins, such as `order.`. @default all */
  readonly only?: readonly string[] | undefined;
  /** Called with each outcome as soon as it is known; with `parallel`, not in the order of the suite. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined;
}

/**
 * Runs the suite without any test runner and resolves with the report; a failing requirement does not reject.
 *
 * @throws Error when the definition itself is wrong.
 */
export async function checkBackend(
  definition: BackendDefinition,
  { only, onOutcome }: CheckBackendOptions = {},
): Promise<ConformanceReport> {
  const chosen = requirements.filter(
    ({ id }) => only === undefined || only.some((prefix) => id.startsWith(prefix)),
  );
  const suite = new Suite(definition, chosen, onOutcome);
  const problems = findBaselineProblems(definition.baseline ?? [], requirements);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  for (const requirement of chosen) await suite.prove(requirement);
  return suite.report();
}
