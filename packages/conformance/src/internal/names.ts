import { randomBytes } from "node:crypto";

const run = randomBytes(4).toString("hex");
let namespaces = 0;
let names = 0;

/** A name no other requirement of any run has: a letter, then lower-case letters, digits and "_"; at most 24 characters. */
export function createNamespace(): string {
  namespaces += 1;
  return `c${run}_${namespaces.toString(36)}`;
}

/** A task name that is not taken in this process. */
export function createTaskName(label: string): string {
  names += 1;
  return `c${run}.${label.slice(0, 80)}.${names.toString(36)}`;
}
