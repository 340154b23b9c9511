import { randomInt } from "node:crypto";

import type { Scope } from "../../scope.ts";
import { Player } from "./player.ts";
import { arbitrarySteps, type Focus, type Step } from "./steps.ts";

/** How many random lists of steps are played. */
const RUNS = 25;
/** No further list is begun after this time, in milliseconds. */
const MAX_RUNS_MS = 5000;
/** How long a failing list is made shorter, in milliseconds. */
const MAX_SHRINK_MS = 5000;

/** What the seed of a run is when none is given: the same for all requirements of a process, so that one option repeats them. */
const processSeed = randomInt(2 ** 31);

/**
 * Plays random steps on stores of their own and on the model.
 *
 * @throws Error with the shortest list of steps that was found to fail, and how to play it again.
 */
export async function playRandomSteps(t: Scope, focus: Focus): Promise<void> {
  // Loaded on demand: it takes longer than most requirements.
  const fc = await import("fast-check");
  const { seed = processSeed, path, runs = RUNS } = t.definition.random ?? {};
  const canAdvance = t.definition.advanceClock !== undefined;
  const endMs = performance.now() + MAX_RUNS_MS;
  let shrinkEndMs = Infinity;
  const property = fc.asyncProperty(
    arbitrarySteps(fc, focus, t.supports, canAdvance),
    async (steps) => {
      const isOver =
        shrinkEndMs === Infinity ? performance.now() > endMs : performance.now() > shrinkEndMs;
      if (isOver && path === undefined) return;
      try {
        await playAll(t, steps);
      } catch (error) {
        shrinkEndMs = Math.min(shrinkEndMs, performance.now() + MAX_SHRINK_MS);
        throw error;
      }
    },
  );
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    ...(path === undefined ? {} : { path }),
  });
  if (!details.failed) return;
  const [steps] = details.counterexample ?? [[]];
  const found = details.errorInstance instanceof Error ? details.errorInstance.message : "";
  const replay = `{ seed: ${details.seed}, path: ${JSON.stringify(details.counterexamplePath)} }`;
  throw new Error(
    `${found}\nSteps, the last of which failed unless it was the comparison at the end:\n${describeSteps(steps)}\n` +
      `To play them again, give testBackend() \`random: ${replay}\`.`,
    { cause: details.errorInstance },
  );
}

async function playAll(t: Scope, steps: readonly Step[]): Promise<void> {
  const backend = await t.openUnrelated();
  try {
    const player = await Player.create(t, backend);
    for (const step of steps) await player.play(step);
    await player.finish();
  } finally {
    await t.discard(backend);
  }
}

/** The steps, one a line. */
function describeSteps(steps: readonly Step[]): string {
  return steps.map(({ type, ...details }) => `  ${type} ${JSON.stringify(details)}`).join("\n");
}
