import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

import type { BackendSupports } from "@tasks/core";

import type { Failure } from "./failure.ts";
import { topicOf } from "./requirement.ts";

/**
 * How one requirement fared.
 *
 * - `passed`, `failed`: it was exercised.
 * - `not-applicable`: the backend does not declare what it is about, or its surroundings do not offer what it takes.
 * - `known-failure`: it failed, as a baseline entry says.
 */
export type OutcomeStatus = "passed" | "failed" | "not-applicable" | "known-failure";

/** The outcome of one requirement. */
export interface Outcome {
  readonly id: string;
  readonly status: OutcomeStatus;
  /** Why it does not apply, why it is known to fail, or the failure as text. */
  readonly reason?: string | undefined;
  /** Why it failed. */
  readonly failure?: Failure | undefined;
}

/** What `TASKS_CONFORMANCE_REPORT` receives: plain JSON data. */
export interface ConformanceReport {
  /** Name of the backend. */
  readonly name: string;
  /** The day of the run, `YYYY-MM-DD`. */
  readonly date: string;
  /** The version of this package. */
  readonly version: string;
  /** The commit of the folder that the run was started in; `null` outside of a repository. */
  readonly commit: string | null;
  readonly supports: BackendSupports | null;
  /** In the order of the suite. */
  readonly outcomes: readonly Outcome[];
}

/** How many requirements have each status. */
export function countOutcomes(
  outcomes: readonly Outcome[],
): Readonly<Record<OutcomeStatus, number>> {
  const counts = { passed: 0, failed: 0, "not-applicable": 0, "known-failure": 0 };
  for (const { status } of outcomes) counts[status] += 1;
  return counts;
}

/** What a run has to say at its end: counts, and every requirement that was not exercised or is known to fail, with its reason. */
export function summarize(report: ConformanceReport): string {
  const counts = countOutcomes(report.outcomes);
  const lines = [
    `${report.name}: ${counts.passed} of ${report.outcomes.length} requirements passed, ${counts.failed} failed, ` +
      `${counts["known-failure"]} known failures, ${counts["not-applicable"]} not applicable.`,
  ];
  for (const { id, reason } of report.outcomes.filter(({ status }) => status === "known-failure")) {
    lines.push(`  known failure ${id}: ${reason}`);
  }
  for (const [reason, ids] of groupByReason(report.outcomes)) {
    lines.push(`  not applicable because ${reason}: ${ids.length} (${countByTopic(ids)})`);
  }
  return lines.join("\n");
}

/**
 * Writes a report to `<folder>/<name>.json`.
 *
 * @returns the file's path.
 */
export async function writeReport(report: ConformanceReport, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = report.name
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .toLowerCase();
  const file = path.join(folder, `${name}.json`);
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

/** "pause 9, life 4". */
function countByTopic(ids: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(topicOf({ id }), (counts.get(topicOf({ id })) ?? 0) + 1);
  return [...counts].map(([topic, count]) => `${topic} ${count}`).join(", ");
}

function groupByReason(outcomes: readonly Outcome[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { id, status, reason = "" } of outcomes) {
    if (status !== "not-applicable") continue;
    // Each of these speaks of another ability; their number is what matters.
    const group = reason.startsWith("the backend supports ") ? "the ability is declared" : reason;
    groups.set(group, [...(groups.get(group) ?? []), id]);
  }
  return groups;
}
