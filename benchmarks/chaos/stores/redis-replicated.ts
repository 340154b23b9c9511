import { setTimeout as sleep } from "node:timers/promises";

import type { RQBackend } from "@tasks/rq";
import { Cluster, Redis } from "ioredis";

import { startRedisCluster } from "../../../scripts/services/redis-cluster.ts";
import { startRedisSentinel } from "../../../scripts/services/redis-sentinel.ts";
import type { RestartableServer } from "../../../scripts/services/restartable-server.ts";
import { ClientBackend } from "./client-backend.ts";
import type { ChaosStore, CrashableServer, StoreOptions } from "./store.ts";

const PREFIX = "chaos";
/** How often is asked whether a replica has taken over, in milliseconds. */
const LOOK_EVERY_MS = 50;

/** A master and a replica under three sentinels. */
export const redisSentinel: ChaosStore = {
  start: async () => {
    const group = await startRedisSentinel(1);
    const { sentinels, name } = group;
    return {
      url: JSON.stringify({ sentinels, name }),
      server: new Failover(() => group.master()),
      network: null,
      [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
    };
  },
  createBackend: (options) => createBackend(options, new Redis(JSON.parse(options.url) as object)),
};

/** Three masters, each with a replica. */
export const redisCluster: ChaosStore = {
  start: async () => {
    const group = await startRedisCluster(3, 3);
    return {
      url: JSON.stringify(group.nodes),
      server: new Failover(() => group.masterOf(`{${PREFIX}}`)),
      network: null,
      [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
    };
  },
  createBackend: (options) =>
    createBackend(options, new Cluster(JSON.parse(options.url) as { port: number }[])),
};

function createBackend({ leaseMs, broken }: StoreOptions, connection: Redis | Cluster): RQBackend {
  if (broken !== null) throw new TypeError("There is no broken copy of this store.");
  return new ClientBackend({
    connection,
    prefix: PREFIX,
    heartbeat: "timer",
    leaseMs,
    commandTimeoutMs: leaseMs,
  });
}

/** Each crash hits the master of the moment, and a replica takes its place; what was the master comes back as a replica. */
class Failover implements CrashableServer {
  readonly #master: () => Promise<RestartableServer>;
  #victim: RestartableServer | undefined;

  constructor(master: () => Promise<RestartableServer>) {
    this.#master = master;
  }

  async kill(): Promise<void> {
    const victim = await this.#master();
    this.#victim = victim;
    await victim.kill();
    while ((await this.#master()) === victim) await sleep(LOOK_EVERY_MS);
  }

  async start(): Promise<void> {
    await this.#victim?.start();
  }
}
