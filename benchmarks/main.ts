/** Measures ours and other queues side by side, in one run, contenders in turn. */
import type { Contender } from "./contenders/contender.ts";
import { findStore } from "./contenders/stores.ts";
import { readOptions, USAGE, type Options } from "./options.ts";
import { describeRun, formatCpu, formatFigures, formatTargets } from "./report/report.ts";
import { Results } from "./report/results.ts";
import { Backlogs } from "./scenarios/backlog/backlogs.ts";
import { createScenarios } from "./scenarios/index.ts";
import type { Scenario, Setting } from "./scenarios/scenario.ts";

const options = readOptions(process.argv.slice(2));
if (options === "help") console.log(USAGE);
else await bench(options);

async function bench({ store: storeName, sizes, folder, ...parts }: Options): Promise<void> {
  const store = findStore(storeName);
  const contenders = chosen(store.contenders, parts.contenders);
  await using places = await store.open(folder);
  await using backlogs = new Backlogs();
  const scenarios = chosen(createScenarios(sizes, backlogs), parts.only);
  const results = new Results();
  console.log(`${describeRun(places, contenders, sizes.rounds)}\n`);
  for (let round = 0; round < sizes.rounds; round++) {
    const startedAtMs = performance.now();
    for (const scenario of scenarios) {
      for (const contender of inTurn(contenders, round)) {
        await measure(scenario, { store, contender, places, sizes }, results);
      }
    }
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.error(`round ${round + 1} of ${sizes.rounds}: ${seconds} s`);
  }
  console.log(formatFigures(scenarios, contenders, results));
  console.log(`\n${formatCpu(scenarios, contenders, results)}`);
  console.log(`\n${formatTargets(store.targets, results)}`);
  for (const line of absences(contenders)) console.log(line);
}

async function measure(scenario: Scenario, setting: Setting, results: Results): Promise<void> {
  const { name, without = {} } = setting.contender;
  if (Object.keys(without).some((begin) => scenario.name.startsWith(begin))) return;
  const figures = await scenario.run(setting);
  for (const [row, figure] of Object.entries(figures)) results.add(row, name, figure);
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
