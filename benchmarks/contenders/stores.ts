import type { Contender } from "./contender.ts";
import { mariadb } from "./mariadb.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { sqlite } from "./sqlite.ts";
import type { Store } from "./store.ts";

/** Everything that can be measured. */
export const stores: readonly Store[] = [sqlite, postgres, mariadb, redis];

/** The store of this name. @throws TypeError when there is none. */
export function findStore(name: string): Store {
  return find("store", stores, name);
}

/** The contender of this name on this store. @throws TypeError when there is none. */
export function findContender(store: string, name: string): Contender {
  return find("contender", findStore(store).contenders, name);
}

function find<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  name: string,
): T {
  const found = all.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = all.map((one) => one.name).join(", ");
  throw new TypeError(`There is no ${what} '${name}'. There are: ${names}.`);
}
