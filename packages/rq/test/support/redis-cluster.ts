import { spawn } from "node:child_process";
import { once } from "node:events";

import { Cluster } from "ioredis";

import { RedisServer } from "./redis-server.ts";

const NODES = 3;
const SLOTS = 16_384;

/** Starts a cluster of three nodes without replicas; its servers end with the test file. */
export async function startCluster(folder: string): Promise<readonly RedisServer[]> {
  const servers: RedisServer[] = [];
  for (let node = 0; node < NODES; node++) {
    servers.push(await RedisServer.start(`${folder}-${node}`, "--cluster-enabled", "yes"));
  }
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  const create = spawn("redis-cli", ["--cluster", "create", ...addresses, "--cluster-yes"]);
  const [code] = (await once(create, "exit")) as [number];
  if (code !== 0) throw new Error(`redis-cli ended with ${code}.`);
  return servers;
}

/** A client of a cluster that is in agreement about all its slots. */
export async function connectCluster(servers: readonly RedisServer[]): Promise<Cluster> {
  const cluster = new Cluster(
    servers.map(({ port }) => ({ host: "127.0.0.1", port })),
    { clusterRetryStrategy: () => 50, slotsRefreshTimeout: 5000 },
  );
  cluster.on("error", () => undefined);
  for (;;) {
    const info = String(await cluster.cluster("INFO").catch(() => ""));
    const isReady = info.includes("cluster_state:ok");
    if (isReady && info.includes(`cluster_slots_ok:${SLOTS}`)) return cluster;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
