import { availableParallelism, cpus, platform } from "node:os";

import type { Contender } from "../contenders/contender.ts";
import type { Row, Scenario } from "../scenarios/scenario.ts";
import type { Results } from "./results.ts";
import { median } from "./statistics.ts";
import { formatNumber, formatRatio, formatTable } from "./table.ts";
import type { Target } from "./targets.ts";

/** The machine and the settings, for the top of a report. */
export function describeRun(contenders: readonly Contender[], rounds: number): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return [
    `${availableParallelism()} cores (${model}), ${platform()}, Node ${process.versions.node}, SQLite ${process.versions["sqlite"] ?? ""}`,
    `Everyone on a local file with WAL and synchronous NORMAL. ${rounds} rounds, contenders in turn within each; median, fastest and slowest round below.`,
    ...contenders.map(({ name, settings }) => `- ${name}: ${settings}`),
  ].join("\n");
}

/** Medians with their spread, and what the first contender's figure is divided by each other's. */
export function formatFigures(
  scenarios: readonly Scenario[],
  contenders: readonly Contender[],
  results: Results,
): string {
  const [first, ...others] = contenders.map(({ name }) => name);
  const header = [
    "",
    ...contenders.map(({ name }) => name),
    ...others.map((name) => `÷ ${name.split(" ")[0]}`),
  ];
  const rows = rowsOf(scenarios).map((row) => [
    `${row.title}, ${row.unit}`,
    ...contenders.map(({ name }) => formatSpread(results.values(row.id, name))),
    ...others.map((name) =>
      formatRatio(
        results.ratio({ row: row.id, contender: first! }, { row: row.id, contender: name }),
      ),
    ),
  ]);
  return formatTable(header, rows);
}

/** Processor time per job. */
export function formatCpu(
  scenarios: readonly Scenario[],
  contenders: readonly Contender[],
  results: Results,
): string {
  const names = contenders.map(({ name }) => name);
  const rows = rowsOf(scenarios)
    .filter(({ unit }) => unit === "/s")
    .map((row) => [
      row.title,
      ...names.map((name) => formatNumber(results.cpuUs(row.id, name) ?? Number.NaN)),
    ]);
  return formatTable(["CPU of all processes, µs per job", ...names], rows);
}

/** What we set out to reach beside what was measured. */
export function formatTargets(targets: readonly Target[], results: Results): string {
  const rows = targets.map(({ title, goal, measure }) => [
    title,
    goal,
    formatRatio(measure(results)),
  ]);
  return formatTable(["", "target", "measured"], rows);
}

function rowsOf(scenarios: readonly Scenario[]): readonly Row[] {
  return scenarios.flatMap(({ rows }) => rows);
}

function formatSpread(values: readonly number[]): string {
  if (values.length === 0) return "–";
  const sorted = values.toSorted((a, b) => a - b);
  const low = formatNumber(sorted[0]!);
  const high = formatNumber(sorted.at(-1)!);
  return values.length === 1 ? low : `${formatNumber(median(values))} (${low}…${high})`;
}
