import { Cluster } from "ioredis";
import { afterAll } from "vitest";

import {
  startRedisCluster,
  type RedisCluster,
} from "../../../../scripts/services/redis-cluster.ts";

/** A cluster of the test file's own, and a client of it; both end with the file. */
export async function openCluster(replicas = 0): Promise<{
  readonly servers: RedisCluster;
  readonly cluster: Cluster;
}> {
  const servers = await startRedisCluster(3, replicas);
  const cluster = new Cluster([...servers.nodes], { slotsRefreshTimeout: 5000 });
  cluster.on("error", () => undefined);
  afterAll(async () => {
    cluster.disconnect();
    await servers[Symbol.asyncDispose]();
  });
  return { servers, cluster };
}
