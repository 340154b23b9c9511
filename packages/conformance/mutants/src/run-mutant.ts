import { checkBackend, requirements, type BackendDefinition } from "@tasks/conformance";

import { breakBackend } from "./break-backend.ts";
import type { Mutant, StoreName } from "./mutant.ts";
import type { MutantStore, Rewriter } from "./stores/store.ts";

/** What became of a mutant. */
export interface MutantResult {
  /** Id of the requirement that found the mistake; `null` when none did. */
  readonly killedBy: string | null;
  /** What that requirement said, or why the mutant could not be run. */
  readonly reason: string;
}

/** Runs the suite against one mutant until `onResult` ends the process: requirements of its topic first. */
export async function runMutant(
  mutant: Mutant,
  storeName: StoreName,
  onResult: (result: MutantResult) => void,
): Promise<void> {
  const { store } = (await import(`./stores/${storeName}.ts`)) as { store: MutantStore };
  const { rewriter, count } = createRewriter(mutant);
  store.rewrite?.(rewriter);
  const definition = defineMutant(mutant, storeName, store);
  const topics = [...new Set(requirements.map(({ id }) => `${id.slice(0, id.indexOf("."))}.`))];
  const first = `${mutant.topic}.`;
  for (const only of [[first], topics.filter((topic) => topic !== first)]) {
    await checkBackend(definition, {
      only,
      onOutcome: ({ id, status, reason = "" }) => {
        if (status === "failed") onResult({ killedBy: id, reason });
      },
    });
  }
  onResult({ killedBy: null, reason: count() > 0 ? "" : "Its text was found in no statement." });
}

function defineMutant(mutant: Mutant, storeName: StoreName, store: MutantStore): BackendDefinition {
  const sound = store.define();
  return {
    parallel: 10,
    ...sound,
    name: `${mutant.name} on ${storeName}`,
    createBackend: async (options) => {
      const backend = await sound.createBackend(options);
      await breakBackend(backend, mutant);
      return backend;
    },
  };
}

/** Changes the mutant's text, and counts in how many statements it was found. */
function createRewriter({ rewrite }: Mutant): {
  readonly rewriter: Rewriter;
  readonly count: () => number;
} {
  if (rewrite === undefined) return { rewriter: (text) => text, count: () => 1 };
  const [find, replacement] = rewrite;
  let count = 0;
  const rewriter = (text: string): string => {
    const changed = text.replace(find, replacement);
    if (changed !== text) count++;
    return changed;
  };
  return { rewriter, count: () => count };
}
