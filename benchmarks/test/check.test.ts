import { describe, expect, it } from "vitest";

import { check, isSound, type Evidence } from "../chaos/check.ts";
import type { JournalEntry } from "../chaos/journal.ts";

describe("check", () => {
  it("finds nothing wrong with a task that was run once", () => {
    const findings = check(
      evidence([entry("start", "a", 0), entry("end", "a", 5), entry("success", "a", 6)]),
    );
    expect(isSound(findings)).toBe(true);
    expect(findings.executions).toEqual(new Map([[1, 1]]));
  });

  it("calls a task lost that is neither successful nor failed", () => {
    const findings = check({
      ...evidence([entry("start", "a", 0)]),
      statuses: new Map([["a", "RUNNING"]]),
    });
    expect(findings.lost).toEqual(["a"]);
    expect(isSound(findings)).toBe(false);
  });

  it("calls a task lost that the store does not know", () => {
    expect(check({ ...evidence([]), statuses: new Map() }).lost).toEqual(["a"]);
  });

  it("reports a second success of one task", () => {
    const entries = [
      entry("start", "a", 0),
      entry("start", "b", 1),
      entry("end", "b", 2),
      entry("success", "b", 3),
      entry("end", "a", 4),
      entry("success", "a", 5),
    ];
    const findings = check(evidence(entries));
    expect(findings.doubleSuccesses).toEqual(["a"]);
    expect(isSound(findings)).toBe(false);
  });

  it("reports a success that no execution accounts for", () => {
    expect(check(evidence([entry("start", "a", 0)])).unexplained).toEqual(["a"]);
  });

  it("measures the time from a kill to the next execution elsewhere", () => {
    const entries = [entry("start", "a", 100), entry("start", "b", 900), entry("end", "b", 950)];
    const findings = check({ ...evidence(entries), kills: [{ worker: "a", atMs: 400 }] });
    expect(findings.recoveryMs).toEqual({ count: 1, p50: 500, p99: 500 });
  });

  it("does not count executions that had ended before the kill as recovered", () => {
    const entries = [entry("start", "a", 100), entry("end", "a", 200), entry("start", "b", 900)];
    const findings = check({ ...evidence(entries), kills: [{ worker: "a", atMs: 400 }] });
    expect(findings.recoveryMs.count).toBe(0);
  });
});

/** One task, `a`, which the store says is successful. */
function evidence(entries: readonly JournalEntry[]): Evidence {
  return { acknowledged: ["a"], statuses: new Map([["a", "SUCCESSFUL"]]), entries, kills: [] };
}

/** An entry about the one task, by a worker that runs it once. */
function entry(type: JournalEntry["type"], worker: string, atMs: number): JournalEntry {
  return { type, taskId: "a", attempt: 1, worker, owner: worker, atMs };
}
