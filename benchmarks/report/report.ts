import { availableParallelism, cpus, loadavg, platform } from "node:os";

import type { Contender } from "../contenders/contender.ts";
import type { Places } from "../harness/place.ts";
import type { Row, Scenario } from "../scenarios/scenario.ts";
import type { Results } from "./results.ts";
import { median } from "./statistics.ts";
import { formatNumber, formatRatio, formatTable } from "./table.ts";
import type { Target } from "./targets.ts";

/** The machine and the settings, for the top of a report. */
export function describeRun(
  places: Places,
  contenders: readonly Contender[],
  rounds: number,
): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const load = loadavg().map((value) => value.toFixed(1));
  return [
    `${availableParallelism()} cores (${model}), ${platform()}, Node ${process.versions.node}, load ${load.join(" ")} before the start`,
    places.description,
    `${rounds} rounds, contenders in turn within each; median, fastest and slowest round below.`,
    ...contenders.map(({ name, settings }) => `- ${name}: ${settings}`),
  ].join("\n");
}

/** Medians with their spread, and the first contender's figure divided by each other's. */
export function formatFigures(
  scenarios: readonly Scenario[],
  contenders: readonly Contender[],
  results: Results,
): string {
  const [first, ...others] = contenders.map(({ name }) => name);
  const rows = rowsOf(scenarios);
  const figures = rows.map((row) => [
    `${row.title}, ${row.unit}`,
    ...contenders.map(({ name }) => formatSpread(results.values(row.id, name))),
  ]);
  const ratios = rows.map((row) => [
    row.title,
    ...others.map((name) =>
      formatRatio(
        results.ratio({ row: row.id, contender: first! }, { row: row.id, contender: name }),
      ),
    ),
  ]);
  return [
    formatTable(["", ...contenders.map(({ name }) => name)], figures),
    formatTable([`${first} divided by`, ...others], ratios),
  ].join("\n\n");
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
    .map((row) => [row.title, ...names.map((name) => formatCpuTimes(results.cpuUs(row.id, name)))]);
  return formatTable(["CPU of all processes (+ the server's), µs per job", ...names], rows);
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

function formatCpuTimes(times: { own: number; server: number } | undefined): string {
  if (times === undefined) return "–";
  const own = formatNumber(times.own);
  return times.server === 0 ? own : `${own} + ${formatNumber(times.server)}`;
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
