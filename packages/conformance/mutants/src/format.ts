import type { Case } from "./cases.ts";
import { STORES } from "./mutant.ts";
import type { MutantResult } from "./run-mutant.ts";

/** A mutant on one store, and what became of it. */
export type CaseResult = Case & MutantResult;

/** Killed of all, by topic and store. */
export function formatCounts(results: readonly CaseResult[]): string {
  const stores = STORES.filter((store) => results.some((result) => result.store === store));
  const topics = [...new Set(results.map(({ mutant }) => mutant.topic))].toSorted();
  const row = (name: string, members: readonly CaseResult[]): string =>
    [
      name.padEnd(16),
      ...stores.map((store) => count(members.filter((member) => member.store === store))),
      count(members),
    ].join("  ");
  return [
    "",
    ["killed".padEnd(16), ...[...stores, "all"].map((name) => name.padStart(14))].join("  "),
    ...topics.map((topic) =>
      row(
        topic,
        results.filter(({ mutant }) => mutant.topic === topic),
      ),
    ),
    row("all", results),
  ].join("\n");
}

/** The mutants that no requirement found, each with the reason. */
export function formatSurvivors(results: readonly CaseResult[]): string {
  const survivors = results.filter(({ killedBy }) => killedBy === null);
  const lines = survivors.map(({ mutant, store, reason }) => {
    const why = reason || (mutant.survives ?? "NO REASON IS GIVEN");
    return `  ${store} ${mutant.name}: ${mutant.sentence} Survives: ${why}`;
  });
  return ["", `${survivors.length} survived.`, ...lines].join("\n");
}

function count(members: readonly CaseResult[]): string {
  const killed = members.filter(({ killedBy }) => killedBy !== null).length;
  const percent = members.length === 0 ? "" : ` ${Math.round((100 * killed) / members.length)} %`;
  return `${killed}/${members.length}${percent}`.padStart(14);
}
