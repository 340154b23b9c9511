import { STORES, type Mutant, type StoreName } from "./mutant.ts";
import { mutants } from "./mutants/index.ts";

/** A mutant on one store. */
export interface Case {
  readonly mutant: Mutant;
  readonly store: StoreName;
}

/** Which mutants to run; what is absent chooses all. */
export interface Choice {
  readonly store?: readonly string[] | undefined;
  readonly topic?: readonly string[] | undefined;
  readonly name?: readonly string[] | undefined;
}

/** The chosen mutants, store by store. */
export function findCases({ store, topic, name }: Choice): Case[] {
  const isChosen = (choice: readonly string[] | undefined, value: string): boolean =>
    choice === undefined || choice.includes(value);
  return STORES.filter((candidate) => isChosen(store, candidate)).flatMap((on) =>
    mutants
      .filter((mutant) => (mutant.stores ?? STORES).includes(on))
      .filter((mutant) => isChosen(topic, mutant.topic) && isChosen(name, mutant.name))
      .map((mutant) => ({ mutant, store: on })),
  );
}
