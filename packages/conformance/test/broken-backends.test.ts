import { checkBackend, requirements } from "@tasks/conformance";
import type { BackendOptions, MemoryBackend } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { BurnsAttempts } from "./broken/burns-attempts.ts";
import { ClaimsTwice } from "./broken/claims-twice.ts";
import { CountsInSteps } from "./broken/counts-in-steps.ts";
import { DeclaresTooMuch } from "./broken/declares-too-much.ts";
import { DiscardsUnknownTasks } from "./broken/discards-unknown-tasks.ts";
import { ForgetsLimits } from "./broken/forgets-limits.ts";
import { ForgetsPauses } from "./broken/forgets-pauses.ts";
import { ForgetsPriority } from "./broken/forgets-priority.ts";
import { HasNoFence } from "./broken/has-no-fence.ts";
import { IgnoresCancel } from "./broken/ignores-cancel.ts";
import { LastInFirstOut } from "./broken/last-in-first-out.ts";
import { LosesMetadata } from "./broken/loses-metadata.ts";
import { MergesPrototypes } from "./broken/merges-prototypes.ts";
import { NeverRenews } from "./broken/never-renews.ts";
import { PausesSilently } from "./broken/pauses-silently.ts";
import { PrunesRunning } from "./broken/prunes-running.ts";
import { RunsTooEarly } from "./broken/runs-too-early.ts";
import { ServesExcludedQueues } from "./broken/serves-excluded-queues.ts";
import { StoresDuplicates } from "./broken/stores-duplicates.ts";
import { StoresHalfABatch } from "./broken/stores-half-a-batch.ts";
import { ThrowsTheWrongError } from "./broken/throws-the-wrong-error.ts";

interface BrokenBackendClass {
  new (options: BackendOptions): MemoryBackend;
  /** Exactly the requirements that name its fault. */
  readonly fails: readonly string[];
  /** Those that find it only when the timing allows: at times they pass. */
  readonly mayPass?: readonly string[];
}

const brokenBackends: readonly BrokenBackendClass[] = [
  BurnsAttempts,
  ClaimsTwice,
  CountsInSteps,
  DeclaresTooMuch,
  DiscardsUnknownTasks,
  ForgetsLimits,
  ForgetsPauses,
  ForgetsPriority,
  HasNoFence,
  IgnoresCancel,
  LastInFirstOut,
  LosesMetadata,
  MergesPrototypes,
  NeverRenews,
  PausesSilently,
  PrunesRunning,
  RunsTooEarly,
  ServesExcludedQueues,
  StoresDuplicates,
  StoresHalfABatch,
  ThrowsTheWrongError,
];

/** Random operations come upon most faults, and name none. */
const TOPICS = [...new Set(requirements.map(({ id }) => id.slice(0, id.indexOf(".") + 1)))].filter(
  (topic) => topic !== "random.",
);

describe.concurrent("a broken backend fails exactly the requirements that name its fault", () => {
  it.each(brokenBackends.map((broken) => [broken.name, broken] as const))(
    "%s",
    // Each waits for everything that its fault keeps from happening.
    { timeout: 180_000 },
    async (name, Broken) => {
      const { outcomes } = await checkBackend(
        {
          name,
          createBackend: ({ queues }) => new Broken({ queues }),
          sharesStore: false,
          parallel: 10,
        },
        { only: TOPICS },
      );
      const failed = outcomes.filter(({ status }) => status === "failed");
      const unexpected = failed.filter(({ id }) => !Broken.fails.includes(id));
      expect(unexpected.map(({ id, reason }) => [id, reason])).toEqual([]);
      const mayPass = new Set(Broken.mayPass ?? []);
      const isCertain = (id: string): boolean => !mayPass.has(id);
      expect(
        failed
          .map(({ id }) => id)
          .filter(isCertain)
          .toSorted(),
      ).toEqual(Broken.fails.filter(isCertain).toSorted());
    },
  );
});
