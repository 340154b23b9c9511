import assert from "node:assert/strict";

import { findBaselineProblems } from "./baseline.ts";
import { timeScaleOf, type BackendDefinition } from "./definition.ts";
import { summarize, writeReport } from "./report.ts";
import { timeoutOf, topicOf, type Requirement } from "./requirement.ts";
import { requirements } from "./requirements/index.ts";
import type { TestContext, TestRunner } from "./runner.ts";
import { Suite } from "./suite.ts";

/** Environment variable that names the folder for JSON reports. */
const REPORT_VARIABLE = "TASKS_CONFORMANCE_REPORT";
/** Setting up and taking down around a test, in milliseconds. */
const ALLOWANCE_MS = 30_000;
/** Suites whose runner has no way to skip a test that runs, as that of Bun. */
const unskipped = new WeakSet<Suite>();
/** The suite's own limits stand still while the process does; the runner's do not. */
const RUNNER_SCALE = 4;

/**
 * Registers the whole suite with a test runner: one `describe` per topic, one `it` per requirement.
 *
 * Requirements that do not apply are skipped with their reason, and listed at the end. With `TASKS_CONFORMANCE_REPORT` set to a folder a JSON report is
 * written there.
 */
export function testBackend(runner: TestRunner, definition: BackendDefinition): void {
  const suite = new Suite(definition, requirements);
  runner.describe(`conformance of ${definition.name}`, () => {
    runner.it("has a sound definition", async () => {
      assert.deepEqual(findBaselineProblems(definition.baseline ?? [], requirements), []);
    });
    for (const [topic, members] of byTopic(requirements)) {
      runner.describe(topic, () => {
        for (const requirement of members) register(runner, suite, requirement);
      });
    }
    runner.after?.(() => finish(suite));
  });
}

function register(runner: TestRunner, suite: Suite, requirement: Requirement): void {
  // Without a named parameter, which jest and mocha would take for a callback.
  const test = async (...[context]: readonly (TestContext | undefined)[]): Promise<void> => {
    const { outcome, error } = await suite.prove(requirement);
    if (outcome.status === "failed") throw error;
    if (outcome.status !== "not-applicable") return;
    if (context?.skip === undefined) unskipped.add(suite);
    else context.skip(outcome.reason);
  };
  runner.it(
    `${requirement.id}: ${requirement.sentence}`,
    test,
    (timeoutOf(requirement) + ALLOWANCE_MS) * RUNNER_SCALE * timeScaleOf(suite.definition),
  );
}

async function finish(suite: Suite): Promise<void> {
  const report = await suite.report();
  console.info(summarize(report));
  if (unskipped.has(suite)) {
    console.info(
      "  This test runner counts requirements that do not apply as passed; the counts above are the true ones.",
    );
  }
  const folder = process.env[REPORT_VARIABLE];
  if (folder === undefined || folder === "") return;
  if (report.outcomes.length === requirements.length) await writeReport(report, folder);
  else console.warn(`No report is written: only ${report.outcomes.length} requirements were run.`);
}

function byTopic(all: readonly Requirement[]): ReadonlyMap<string, readonly Requirement[]> {
  const topics = new Map<string, Requirement[]>();
  for (const requirement of all) {
    const topic = topicOf(requirement);
    topics.set(topic, [...(topics.get(topic) ?? []), requirement]);
  }
  return topics;
}
