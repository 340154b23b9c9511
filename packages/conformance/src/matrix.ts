import { sourceOf } from "./failure.ts";
import { renderTable } from "./internal/table.ts";
import {
  countOutcomes,
  type ConformanceReport,
  type Outcome,
  type OutcomeStatus,
} from "./report.ts";
import { topicOf, type Requirement } from "./requirement.ts";

const SIGNS: Readonly<Record<OutcomeStatus, string>> = {
  passed: "✓",
  failed: "✗",
  "known-failure": "!",
  "not-applicable": "–",
};

/**
 * Reports side by side as a Markdown page: counts, abilities, and every requirement with its sentence.
 *
 * @param packageUrl where the ids lead to: the folder of this package.
 */
export function renderMatrix(
  requirements: readonly Requirement[],
  reports: readonly ConformanceReport[],
  packageUrl: string = "../packages/conformance",
): string {
  return [
    "# Conformance",
    "",
    "What every backend promises, and which backend keeps which promise. Generated from the reports of `@tasks/conformance`.",
    "",
    "✓ passed · – does not apply, because the backend does not declare what it takes · ! known to fail, with a reason and an expiry date · ✗ failed",
    "",
    "## Backends",
    "",
    ...renderCounts(requirements, reports),
    "",
    "## Abilities",
    "",
    ...renderAbilities(reports),
    "",
    ...topicsOf(requirements).flatMap((topic) =>
      renderTopic(topic, requirements, reports, packageUrl),
    ),
  ].join("\n");
}

function renderCounts(
  requirements: readonly Requirement[],
  reports: readonly ConformanceReport[],
): readonly string[] {
  const rows = reports.map(({ name, date, version, commit, outcomes }) => {
    const counts = countOutcomes(outcomes);
    const origin = [date, version, commit ?? "–"];
    return [
      name,
      ...origin,
      ...Object.keys(SIGNS).map((status) => String(counts[status as OutcomeStatus])),
    ];
  });
  return [
    `${requirements.length} requirements.`,
    "",
    ...renderTable(
      [
        "backend",
        "date",
        "suite",
        "commit",
        "passed",
        "failed",
        "known failures",
        "not applicable",
      ],
      rows,
    ),
  ];
}

function renderAbilities(reports: readonly ConformanceReport[]): readonly string[] {
  const names = Object.keys(reports[0]?.supports ?? {});
  const rows = names.map((name) => [
    name,
    ...reports.map(({ supports }) => show(supports?.[name as never])),
  ]);
  return renderTable(["ability", ...reports.map(({ name }) => name)], rows);
}

function renderTopic(
  topic: string,
  requirements: readonly Requirement[],
  reports: readonly ConformanceReport[],
  packageUrl: string,
): readonly string[] {
  const members = requirements.filter((requirement) => topicOf(requirement) === topic);
  const outcomes = reports.map(
    (report) => new Map(report.outcomes.map((outcome) => [outcome.id, outcome])),
  );
  const rows = members.map(({ id, sentence }) => [
    `[\`${id}\`](${packageUrl}/${sourceOf({ id })})`,
    sentence,
    ...outcomes.map((byId) => sign(byId.get(id))),
  ]);
  return [
    `## ${topic}`,
    "",
    ...renderTable(["id", "promise", ...reports.map(({ name }) => name)], rows),
    "",
  ];
}

function topicsOf(requirements: readonly Requirement[]): readonly string[] {
  return [...new Set(requirements.map(topicOf))];
}

function sign(outcome: Outcome | undefined): string {
  return outcome === undefined ? "?" : SIGNS[outcome.status];
}

function show(value: unknown): string {
  if (value === true) return "✓";
  return typeof value === "number" || typeof value === "string" ? String(value) : "–";
}
