import type { BackendDefinition } from "@tasks/conformance";

/** Changes a statement or script on its way to the server. */
export type Rewriter = (text: string) => string;

/** What the mutants need of a store. */
export interface MutantStore {
  /** The sound backend, as the suite is given it. */
  define(): Omit<BackendDefinition, "name">;
  /** Has all statements of this process changed from now on. Absent where there are none. */
  rewrite?(rewriter: Rewriter): void;
}

/** The address of a server. */
export function serverUrl(variable: string): string {
  const url = process.env[variable];
  if (url !== undefined) return url;
  throw new Error(`Set ${variable}, or run it by the script "mutants", which starts servers.`);
}
