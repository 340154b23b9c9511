import type { BaselineEntry } from "./definition.ts";
import type { Requirement } from "./requirement.ts";
import type { Verdict } from "./verdict.ts";

/** Holds an outcome against its baseline entry: a known failure passes until its last day, anything else does not. */
export function judge(
  verdict: Verdict,
  entry: BaselineEntry | undefined,
  today: string = new Date().toISOString().slice(0, 10),
): Verdict {
  if (entry === undefined) return verdict;
  const { id, status } = verdict.outcome;
  if (status !== "failed") {
    const found = status === "passed" ? "passes" : "does not apply to this backend";
    return failure(id, `${id} ${found}. Remove its baseline entry ("${entry.reason}").`);
  }
  if (entry.expires < today) {
    const reason = `${id} still fails, but its baseline entry ("${entry.reason}") expired on ${entry.expires}. Fix it.`;
    return failure(id, reason, verdict.error);
  }
  return { outcome: { id, status: "known-failure", reason: entry.reason } };
}

/** Entries that cannot mean anything: unknown ids, no reason, no date, twice the same. */
export function findBaselineProblems(
  baseline: readonly BaselineEntry[],
  requirements: readonly Requirement[],
): readonly string[] {
  const known = new Set(requirements.map(({ id }) => id));
  const seen = new Set<string>();
  return baseline.flatMap(({ id, reason, expires }) => {
    const problems: string[] = [];
    if (!known.has(id)) problems.push(`The baseline names '${id}', which is no requirement.`);
    if (seen.has(id)) problems.push(`The baseline names '${id}' twice.`);
    if (reason.trim() === "") problems.push(`The baseline entry '${id}' gives no reason.`);
    if (!isDay(expires)) {
      problems.push(`The baseline entry '${id}' expires on '${expires}', which is no YYYY-MM-DD.`);
    }
    seen.add(id);
    return problems;
  });
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

function failure(id: string, reason: string, cause?: unknown): Verdict {
  return { outcome: { id, status: "failed", reason }, error: new Error(reason, { cause }) };
}
