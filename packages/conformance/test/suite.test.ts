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
  expect((await suite.prove(requirements[0]!)).outcome).toEqual({
    id: "a.one",
    status: "failed",
    reason:
      '"Nothing happens." was not settled: not within 20 ms. Meanwhile: Worker w could not register; trying again. TypeError: broken',
  });
});
