import type { Contender } from "./contender.ts";
import { sqliteContenders } from "./sqlite.ts";

/** The contender of this name. */
export function findContender(name: string): Contender {
  const found = sqliteContenders.find((contender) => contender.name === name);
  if (found !== undefined) return found;
  const names = sqliteContenders.map((contender) => contender.name).join(", ");
  throw new Error(`There is no contender '${name}'. There are: ${names}.`);
}
