import { checkBackend, type BaselineEntry } from "@tasks/conformance";
import { describe, expect, it } from "vitest";

import { PrunesRunning } from "./broken/prunes-running.ts";

const expires = "2999-12-31";
const reason = "being repaired";

async function outcomesOf(baseline: readonly BaselineEntry[]): Promise<readonly unknown[]> {
  const { outcomes } = await checkBackend(
    {
      name: "PrunesRunning",
      createBackend: ({ queues }) => new PrunesRunning({ queues }),
      sharesStore: false,
      baseline,
    },
    { only: ["prune.keeps-running", "prune.keeps-ready", "pause.holds"] },
  );
  return outcomes.map(({ id, status, reason: why }) => [id, status, why]);
}

describe("a baseline", () => {
  it("turns a failure into a known failure, with its reason", async () => {
    const outcomes = await outcomesOf([{ id: "prune.keeps-running", reason, expires }]);
    expect(outcomes).toContainEqual(["prune.keeps-running", "known-failure", reason]);
  });

  it("fails what passes, so that the entry is removed", async () => {
    const outcomes = await outcomesOf([{ id: "prune.keeps-ready", reason, expires }]);
    expect(outcomes).toContainEqual([
      "prune.keeps-ready",
      "failed",
      'prune.keeps-ready passes. Remove its baseline entry ("being repaired").',
    ]);
  });

  it("fails what does not apply", async () => {
    const outcomes = await outcomesOf([{ id: "pause.holds", reason, expires }]);
    expect(outcomes).toContainEqual(["pause.holds", "failed", expect.stringContaining("Remove")]);
  });

  it("excuses nothing after its last day", async () => {
    const past = { id: "prune.keeps-running", reason, expires: "2020-01-31" };
    const outcomes = await outcomesOf([past]);
    expect(outcomes).toContainEqual([
      "prune.keeps-running",
      "failed",
      expect.stringContaining("expired on 2020-01-31"),
    ]);
  });

  it("must name requirements, once each, with a reason and a date", async () => {
    const entry = { id: "prune.keeps-running", reason, expires };
    await expect(outcomesOf([{ ...entry, id: "no.such" }])).rejects.toThrow("'no.such'");
    await expect(outcomesOf([entry, entry])).rejects.toThrow("twice");
    await expect(outcomesOf([{ ...entry, reason: " " }])).rejects.toThrow("no reason");
    await expect(outcomesOf([{ ...entry, expires: "soon" }])).rejects.toThrow("'soon'");
  });
});
