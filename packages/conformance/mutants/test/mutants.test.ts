import { describe, expect, it } from "vitest";

import { findCases } from "../src/cases.ts";
import { formatCounts, formatSurvivors } from "../src/format.ts";
import { mutants } from "../src/mutants/index.ts";
import { runCase } from "../src/run-case.ts";

/** One mutant of every kind; `npm run -s pnpm -- --dir packages/conformance/mutants run mutants` runs all of them. */
const SAMPLE = {
  store: ["memory", "sqlite"],
  name: ["unfenced-retry", "lost-moves-back", "sql-success-frees-windows", "sqlite-pause-ignored"],
};

describe("the mutants", () => {
  it("are at least 120, on four stores, each with a name of its own and a sentence", () => {
    const cases = findCases({});
    expect(cases.length).toBeGreaterThanOrEqual(120);
    expect(new Set(cases.map(({ store }) => store)).size).toBe(4);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    for (const { sentence } of mutants) expect(sentence).toMatch(/^[^\s].*\.$/);
  });

  it.each(findCases(SAMPLE).map((chosen) => [chosen.mutant.name, chosen.store, chosen] as const))(
    "%s on %s is found",
    { timeout: 300_000 },
    async (_name, _store, chosen) => {
      expect(await runCase(chosen)).not.toMatchObject({ killedBy: null });
    },
  );

  it("are counted by topic and store, and survivors are listed with their reason", () => {
    const [first, second] = findCases({ store: ["sqlite", "redis"], name: ["renews-by-timer"] });
    const results = [
      { ...first!, killedBy: "recovery.renewed", reason: "" },
      { ...second!, killedBy: null, reason: "" },
    ];
    expect(formatCounts(results)).toContain("1/2 50 %");
    expect(formatSurvivors(results)).toMatch(/redis renews-by-timer: .* Survives: a store may/);
  });
});
