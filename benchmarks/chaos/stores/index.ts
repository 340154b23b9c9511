import type { Backend } from "@tasks/core";

import { mariadb } from "./mariadb.ts";
import { postgres } from "./postgres.ts";
import { redisCluster, redisSentinel } from "./redis-replicated.ts";
import { redis, redisEverysec } from "./redis.ts";
import { sqlite } from "./sqlite.ts";
import type { ChaosStore, StoreName, StoreOptions } from "./store.ts";

export const stores: Readonly<Record<StoreName, ChaosStore>> = {
  mariadb,
  postgres,
  redis,
  "redis-cluster": redisCluster,
  "redis-everysec": redisEverysec,
  "redis-sentinel": redisSentinel,
  sqlite,
};

/** The backend of a run, the same in every process. */
export function createChaosBackend(options: StoreOptions): Backend {
  return stores[options.store].createBackend(options);
}
