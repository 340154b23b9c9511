/**
 * Runs the mutants and prints how many of them the suite finds.
 *
 *   node main.ts [--store memory] [--topic unique] [--name retry-at-once] [--parallel 2]
 */
import { parseArgs } from "node:util";

import { findCases, type Case } from "./src/cases.ts";
import { formatCounts, formatSurvivors, type CaseResult } from "./src/format.ts";
import { runCase } from "./src/run-case.ts";

const { values } = parseArgs({
  options: {
    store: { type: "string", multiple: true },
    topic: { type: "string", multiple: true },
    name: { type: "string", multiple: true },
    parallel: { type: "string", default: "2" },
  },
});

const waiting = findCases(values);
const results: CaseResult[] = [];

async function runNext(): Promise<void> {
  for (let next: Case | undefined; (next = waiting.shift()) !== undefined;) {
    const result = await runCase(next);
    results.push({ ...next, ...result });
    const outcome = result.killedBy === null ? "SURVIVED" : `killed by ${result.killedBy}`;
    console.log(`${next.store} ${next.mutant.name}: ${outcome} (${result.seconds.toFixed(1)} s)`);
  }
}

await Promise.all(Array.from({ length: Number(values.parallel) }, runNext));
console.log(formatCounts(results));
console.log(formatSurvivors(results));
process.exitCode = results.some(
  ({ killedBy, mutant }) => killedBy === null && mutant.survives === undefined,
)
  ? 1
  : 0;
