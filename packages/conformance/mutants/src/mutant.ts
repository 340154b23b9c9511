import type { Backend } from "@tasks/core";
import type { WorkerStore } from "@tasks/core/worker";

/** A store that mutants are made of. */
export type StoreName = "memory" | "sqlite" | "postgres" | "redis";

/** The stores, the quickest first. */
export const STORES: readonly StoreName[] = ["memory", "sqlite", "postgres", "redis"];

/** What a broken method can use besides the method it replaces. */
export interface Parts {
  readonly backend: Backend;
  /** The store of the backend's workers. */
  readonly store: WorkerStore;
}

/** For each method to break, a function that is given the sound one and makes the broken one. */
export type Overrides<T> = {
  readonly [
    Name in keyof T as NonNullable<T[Name]> extends (...args: never[]) => unknown ? Name : never
  ]?: (sound: NonNullable<T[Name]>, parts: Parts) => NonNullable<T[Name]> | undefined;
};

/** A text to find in the statements or scripts that are sent to a server, and what is sent instead. */
export type Rewrite = readonly [find: RegExp, replacement: string];

/** A backend with one mistake, such as its author could make. */
export interface Mutant {
  /** Unique among the mutants. */
  readonly name: string;
  /** Topic of the requirements that are run first: those most likely to find the mistake. */
  readonly topic: string;
  /** Where the mistake is made; each store counts as a mutant of its own. @default all */
  readonly stores?: readonly StoreName[] | undefined;
  /** The mistake, in one sentence. */
  readonly sentence: string;
  /** Methods of the backend to break. */
  readonly backend?: Overrides<Backend> | undefined;
  /** Methods of the worker's store to break. */
  readonly worker?: Overrides<WorkerStore> | undefined;
  /** Statements or scripts to change on their way to the server. */
  readonly rewrite?: Rewrite | undefined;
  /** Why no requirement can find it: for a mistake that no user can notice. */
  readonly survives?: string | undefined;
}
