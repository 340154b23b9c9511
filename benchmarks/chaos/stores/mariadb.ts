import { PoolBackend } from "./pool-backend.ts";
import { serverStore } from "./server-store.ts";
import type { ChaosStore } from "./store.ts";
import { unfencedPool } from "./unfenced-mariadb.ts";

export const mariadb: ChaosStore = serverStore(
  "mariadb",
  (url, limits) => new PoolBackend({ database: unfencedPool(url), ...limits }),
);
