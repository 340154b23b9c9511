import type { BackendDefinition } from "./definition.ts";
import type { ConformanceReport } from "./report.ts";
import { requirements } from "./requirements/index.ts";
import { Suite } from "./suite.ts";

/** Options of `checkBackend`. */
export interface CheckBackendOptions {
  /** Requirements at a time, from 1. @default 1 */
  readonly parallel?: number | undefined;
  /** Only requirements whose id one of these begins, such as `order.`. @default all */
  readonly only?: readonly string[] | undefined;
}

/**
 * Runs the suite without any test runner and resolves with the report; a failing requirement does not reject.
 *
 * @throws Error when the definition itself is wrong.
 */
export async function checkBackend(
  definition: BackendDefinition,
  { parallel = 1, only }: CheckBackendOptions = {},
): Promise<ConformanceReport> {
  const chosen = requirements.filter(
    ({ id }) => only === undefined || only.some((prefix) => id.startsWith(prefix)),
  );
  const suite = new Suite(definition, requirements);
  const problems = suite.problems();
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const waiting = [...chosen];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await suite.prove(next);
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return suite.report();
}
