import assert from "node:assert/strict";

import { Backend, type Ability, type BackendSupports } from "@tasks/core";

import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

type Kind = "boolean" | "number" | "transaction";

/** Written as a record so that the compiler notices a new ability. */
const MEMBERS: Readonly<Record<keyof BackendSupports, Kind>> = {
  defer: "boolean",
  asyncTask: "boolean",
  getResult: "boolean",
  priority: "boolean",
  batch: "boolean",
  cancel: "boolean",
  retry: "boolean",
  timeout: "boolean",
  unique: "boolean",
  concurrency: "boolean",
  schedule: "boolean",
  progress: "boolean",
  metadata: "boolean",
  logs: "boolean",
  list: "boolean",
  pause: "boolean",
  wait: "boolean",
  worker: "boolean",
  transaction: "transaction",
  maxPayloadBytes: "number",
  timeResolutionMs: "number",
  recoveryMs: "number",
};

/** What a backend says of itself. */
export const supportsRequirements: readonly Requirement[] = [
  {
    id: "supports.frozen",
    sentence: "`supports` is frozen.",
    needs: [],
    test: (t) => assert.ok(Object.isFrozen(t.backend.supports), "Object.freeze(supports)"),
  },
  {
    id: "supports.complete",
    sentence: "`supports` says something about every ability, and about nothing else.",
    needs: [],
    test: (t) => {
      assert.deepEqual(Object.keys(t.backend.supports).sort(), Object.keys(MEMBERS).sort());
    },
  },
  {
    id: "supports.types",
    sentence: "Every member of `supports` has the type of the contract.",
    needs: [],
    test: (t) => {
      for (const [name, value] of Object.entries(t.backend.supports)) {
        const kind = MEMBERS[name as keyof BackendSupports];
        if (kind === "transaction") {
          assert.ok(
            ["atomic", "after-commit", false].includes(value as never),
            `${name}: ${value}`,
          );
        } else assert.equal(typeof value, kind, name);
      }
    },
  },
  {
    id: "supports.max-payload-bytes",
    sentence: "`maxPayloadBytes` is a whole number of bytes, at least 1024.",
    needs: [],
    test: (t) => {
      const { maxPayloadBytes } = t.backend.supports;
      assert.ok(
        Number.isSafeInteger(maxPayloadBytes) && maxPayloadBytes >= 1024,
        `${maxPayloadBytes}`,
      );
    },
  },
  {
    id: "supports.time-resolution-ms",
    sentence: "`timeResolutionMs` lies above 0 and not above a second.",
    needs: [],
    test: (t) => {
      const { timeResolutionMs } = t.backend.supports;
      assert.ok(timeResolutionMs > 0 && timeResolutionMs <= 1000, `${timeResolutionMs}`);
    },
  },
  {
    id: "supports.recovery-ms",
    sentence: "`recoveryMs` is a finite number of milliseconds, not negative.",
    needs: [],
    test: (t) => {
      const { recoveryMs } = t.backend.supports;
      assert.ok(Number.isFinite(recoveryMs) && recoveryMs >= 0, `${recoveryMs}`);
    },
  },
  {
    id: "supports.same-everywhere",
    sentence: "Two backends made the same way support the same.",
    needs: [],
    test: async (t) => {
      const other = await t.openUnrelated();
      assert.deepEqual(other.supports, t.backend.supports);
    },
  },
  {
    id: "supports.wait-reads-results",
    sentence: "A backend that supports waiting supports getting results, too.",
    needs: ["wait"],
    test: (t) => assert.ok(t.supports.getResult),
  },
  {
    id: "supports.transaction-fixture",
    sentence:
      "A backend that supports transactions gives the suite one, so that the suite can test them.",
    needs: ["transaction"],
    test: (t) => {
      assert.ok(
        t.definition.withTransaction,
        "add withTransaction to the definition of testBackend()",
      );
    },
  },
  role("get-result", "getResult", ["readRecord"]),
  role("cancel", "cancel", ["cancel"]),
  role("batch", "batch", ["enqueueMany"]),
  role("worker", "worker", ["createWorker", "runTask"]),
  role("list", "list", ["listRecords", "counts", "queues", "workers", "delete", "prune"]),
  role("retry", ["retry", "getResult"], ["retry"]),
  role("pause", "pause", ["pause", "resume"]),
];

/** A backend that declares an ability has its methods. */
function role(
  name: string,
  needs: Ability | readonly Ability[],
  methods: readonly (keyof Backend & string)[],
): Requirement {
  return {
    id: `supports.methods-of-${name}`,
    sentence: `A backend that supports ${[needs].flat().join(" and ")} overrides ${methods.map((method) => `${method}()`).join(", ")}.`,
    needs: [needs].flat(),
    test: (t: Scope) => {
      const inherited = methods.filter((method) => t.backend[method] === Backend.prototype[method]);
      assert.deepEqual(inherited, []);
    },
  };
}
