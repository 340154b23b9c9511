import { renderTable } from "./internal/table.ts";
import { UPSTREAM_NAMES } from "./internal/upstream-names.ts";
import { requirements } from "./requirements/index.ts";

/** A case of Django's own task suites, and where it lives here. */
export interface UpstreamCase {
  readonly number: string;
  /** Its name there. */
  readonly name: string;
  /** Ids of the requirements that cover it. */
  readonly requirements: readonly string[];
  /** Why no requirement covers it; `null` when one does. */
  readonly reason: string | null;
}

const OF_CORE = "No backend takes part: core's own tests have it.";
const OF_CLI = "About the command line, whose own tests have it.";
const OF_THE_DATABASE = "About SQL, which the database backend's own tests have.";
const OF_REDIS = "About Redis, which a Redis backend's own tests have.";
const OF_PYTHON =
  "About Python modules; here tasks have names, and a taken or missing name is refused.";
const ASKS_FOR_TRANSACTION =
  "There is no ambient transaction to wait for: a transaction is passed, or refused by name.";

const REASONS: Readonly<Record<string, string>> = {
  1: OF_CORE,
  19: OF_CORE,
  20: OF_CORE,
  46: "Results are ordered by the store, larger priorities first; they do not compare themselves.",
  105: ASKS_FOR_TRANSACTION,
  114: "About a web framework's views; covered as far as results go.",
  123: ASKS_FOR_TRANSACTION,
  127: "Backends have no task classes of their own.",
  134: OF_PYTHON,
  135: OF_PYTHON,
  136: OF_PYTHON,
  137: OF_PYTHON,
  164: OF_THE_DATABASE,
  169: OF_THE_DATABASE,
  170: OF_THE_DATABASE,
  181: OF_THE_DATABASE,
  183: OF_THE_DATABASE,
  186: OF_THE_DATABASE,
  202: OF_CLI,
  203: OF_CLI,
  236: OF_CLI,
  237: OF_CLI,
  238: OF_CLI,
  251: OF_REDIS,
  264: OF_THE_DATABASE,
  266: OF_REDIS,
  C5: "About documentation: larger priorities always go first, so that a steady stream of them starves the rest.",
};

/** Every case, in the order of its number. */
export const upstreamCases: readonly UpstreamCase[] = Object.freeze(
  Object.entries(UPSTREAM_NAMES).map(([number, name]) => ({
    number,
    name,
    requirements: requirements
      .filter(({ upstream = [] }) => upstream.includes(number))
      .map(({ id }) => id),
    reason: REASONS[number] ?? null,
  })),
);

/** The cases as a Markdown page. */
export function renderUpstream(): string {
  const rows = upstreamCases.map(({ number, name, requirements: ids, reason }) => [
    number,
    `\`${name}\``,
    reason ?? ids.map((id) => `\`${id}\``).join(", "),
  ]);
  return [
    "# Where Django's cases are",
    "",
    "Every case of Django's own task suites, and of what they leave untested, with the requirements that cover it or the reason why none does.",
    "Generated from `src/upstream.ts` and the `upstream` of each requirement.",
    "",
    ...renderTable(["case", "name", "requirements"], rows),
    "",
  ].join("\n");
}
