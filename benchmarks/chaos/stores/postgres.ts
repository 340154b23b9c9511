import { PoolBackend } from "./pool-backend.ts";
import { serverStore } from "./server-store.ts";
import type { ChaosStore } from "./store.ts";
import { unfencedPool } from "./unfenced-postgres.ts";

export const postgres: ChaosStore = serverStore(
  "postgres",
  (url, limits) => new PoolBackend({ database: unfencedPool(url), ...limits }),
);
