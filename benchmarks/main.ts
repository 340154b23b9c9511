/** Measures ours and other queues side by side, in one run, contenders in turn. */
import type { Contender } from "./contenders/contender.ts";
import { sqliteContenders } from "./contenders/sqlite.ts";
import { readOptions, USAGE, type Options } from "./options.ts";
import { describeRun, formatCpu, formatFigures, formatTargets } from "./report/report.ts";
import { Results } from "./report/results.ts";
import { sqliteTargets } from "./report/targets.ts";
import { createScenarios } from "./scenarios/index.ts";
import type { Scenario } from "./scenarios/scenario.ts";

const options = readOptions(process.argv.slice(2));
if (options === "help") console.log(USAGE);
else await bench(options);

async function bench(options: Options): Promise<void> {
  if (options.store !== "sqlite") {
    throw new TypeError(`There is no store '${options.store}' to measure. There is: sqlite.`);
  }
  const contenders = chosen(sqliteContenders, options.contenders);
  const scenarios = chosen(createScenarios(options.sizes), options.only);
  const results = new Results();
  console.log(`${describeRun(contenders, options.sizes.rounds)}\n`);
  try {
    for (let round = 0; round < options.sizes.rounds; round++) {
      const startedAtMs = performance.now();
      for (const scenario of scenarios) {
        for (const contender of inTurn(contenders, round)) {
          await measure(scenario, contender, options, results);
        }
      }
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.error(`round ${round + 1} of ${options.sizes.rounds}: ${seconds} s`);
    }
  } finally {
    for (const scenario of scenarios) await scenario.dispose?.();
  }
  console.log(formatFigures(scenarios, contenders, results));
  console.log(`\n${formatCpu(scenarios, contenders, results)}`);
  console.log(`\n${formatTargets(sqliteTargets, results)}`);
  for (const line of absences(contenders)) console.log(line);
}

async function measure(
  scenario: Scenario,
  contender: Contender,
  { sizes, folder }: Options,
  results: Results,
): Promise<void> {
  const isOut = Object.keys(contender.without ?? {}).some((name) => scenario.name.startsWith(name));
  if (isOut) return;
  const figures = await scenario.run({ contender, sizes, folder });
  for (const [row, figure] of Object.entries(figures)) results.add(row, contender.name, figure);
}

/** Everyone is first, second and last in turn, so that nobody always meets the machine in the same state. */
function inTurn(contenders: readonly Contender[], round: number): readonly Contender[] {
  const start = round % contenders.length;
  return [...contenders.slice(start), ...contenders.slice(0, start)];
}

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  parts: readonly string[],
): readonly T[] {
  if (parts.length === 0) return all;
  const found = all.filter(({ name }) => parts.some((part) => name.includes(part)));
  if (found.length > 0) return found;
  const names = all.map(({ name }) => name).join(", ");
  throw new TypeError(`Nothing is called '${parts.join(",")}'. There are: ${names}.`);
}

function absences(contenders: readonly Contender[]): readonly string[] {
  return contenders.flatMap(({ name, without = {} }) =>
    Object.entries(without).map(([scenario, reason]) => `– ${name}, ${scenario}: ${reason}.`),
  );
}
