import assert from "node:assert/strict";

import { DummyBackend, log } from "@tasks/core";
import { expect, it } from "vitest";

import type { Requirement } from "../src/requirement.ts";
import { Suite } from "../src/suite.ts";

/** Waits in vain, while the framework says what went wrong. */
function inVain(id: string): Requirement {
  return {
    id,
    sentence: "Nothing happens.",
    needs: [],
    timeoutMs: 20,
    test: async () => {
      log("warn", "Worker w could not register; trying again.", { error: new TypeError("broken") });
      await new Promise(() => undefined);
    },
  };
}

it("tells of a test that waited in vain what the framework said meanwhile", async () => {
  const requirements = [inVain("a.one")];
  const suite = new Suite(
    { name: "dummy", createBackend: ({ queues }) => new DummyBackend({ queues }) },
    requirements,
  );
  const { outcome } = await suite.prove(requirements[0]!);
  expect(outcome.failure).toEqual({
    promise: "Nothing happens.",
    done: [],
    about:
      '"Nothing happens." was not settled: not within 20 ms. Meanwhile: Worker w could not register; trying again. TypeError: broken',
    expected: null,
    found: null,
    source: "src/requirements/a.ts",
  });
});

it("says of a failure what was done, expected and found", async () => {
  const requirement: Requirement = {
    id: "a.two",
    sentence: "Two enqueues store one result.",
    needs: [],
    test: async (t) => {
      const { record } = await t.backend.enqueue(t.request({ args: [1, "a"] }));
      await t.backend.cancel(record.id);
      assert.deepEqual([record.status, 1], ["READY", 2], "the status, and a number");
    },
  };
  const suite = new Suite(
    { name: "dummy", createBackend: ({ queues }) => new DummyBackend({ queues }) },
    [requirement],
  );
  const { outcome, error } = await suite.prove(requirement);
  expect(outcome.failure).toMatchObject({
    promise: "Two enqueues store one result.",
    done: ["enqueue([ 1, 'a' ])", expect.stringMatching(/^cancel\('\w+'\)$/)],
    about: "the status, and a number",
    expected: "[ 'READY', 2 ]",
    found: "[ 'READY', 1 ]",
  });
  expect((error as Error).message).toBe(outcome.reason);
  expect((error as Error).stack).toContain("suite.test.ts");
});
