import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants/index.ts";

/** The mutant of a name. */
export function findMutant(name: string): Mutant {
  const mutant = mutants.find((candidate) => candidate.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant '${name}'.`);
  return mutant;
}
