import { Redis } from "ioredis";

import { startRestartableServers, type RestartableServer } from "./restartable-server.ts";
import { waitUntil } from "./wait-until.ts";

/** A master with replicas, watched over by sentinels, all of one's own. */
export interface RedisSentinel extends AsyncDisposable {
  /** For the client: where to ask for the master. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** What the sentinels call the master. */
  readonly name: string;
  /** The server that the sentinels hold to be the master at this moment. */
  master(): Promise<RestartableServer>;
}

const NAME = "tasks";
/** How long a master is silent before a sentinel holds it to be down, in milliseconds. */
const DOWN_AFTER_MS = 700;
/** How soon the next failover may follow: twice this, in milliseconds. */
const FAILOVER_TIMEOUT_MS = 2000;

/** Starts a master, replicas and three sentinels, from programs on this machine. They end with this process. */
export async function startRedisSentinel(replicas: number): Promise<RedisSentinel> {
  const data = Array.from({ length: 1 + replicas }, () => "");
  const variants = [...data, "sentinel", "sentinel", "sentinel"];
  const group = await startRestartableServers("redis", variants);
  const clients = group.servers.map(({ url }) => new Redis(url, { enableReadyCheck: false }));
  const watchers = clients.slice(data.length);
  try {
    await follow(clients.slice(1, data.length), clients[0]!);
    await watch(watchers, clients[0]!, replicas);
  } finally {
    for (const client of clients) client.disconnect();
  }
  const addresses = group.servers.map(({ url }) => new URL(url));
  const sentinels = addresses
    .slice(data.length)
    .map(({ hostname, port }) => ({ host: hostname, port: Number(port) }));
  return {
    sentinels,
    name: NAME,
    master: async () => {
      const port = await masterPort(group.servers.at(-1)!.url);
      return group.servers[addresses.findIndex((address) => address.port === port)]!;
    },
    [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
  };
}

async function follow(replicas: readonly Redis[], master: Redis): Promise<void> {
  const { host = "", port = 0 } = master.options;
  await Promise.all(
    replicas.map(async (replica) => {
      await replica.replicaof(host, port);
      await waitUntil("the replica has caught up", async () =>
        (await replica.info("replication")).includes("master_link_status:up"),
      );
    }),
  );
}

async function watch(watchers: readonly Redis[], master: Redis, replicas: number): Promise<void> {
  const { host = "", port = 0 } = master.options;
  await Promise.all(
    watchers.map(async (watcher) => {
      await watcher.call("SENTINEL", "MONITOR", NAME, host, port, 2);
      await watcher.call("SENTINEL", "SET", NAME, "down-after-milliseconds", DOWN_AFTER_MS);
      await watcher.call("SENTINEL", "SET", NAME, "failover-timeout", FAILOVER_TIMEOUT_MS);
      await waitUntil("the sentinels know each other and the replicas", async () => {
        const others = (await watcher.call("SENTINEL", "SENTINELS", NAME)) as readonly unknown[];
        const known = (await watcher.call("SENTINEL", "REPLICAS", NAME)) as readonly unknown[];
        return others.length === watchers.length - 1 && known.length === replicas;
      });
    }),
  );
}

async function masterPort(url: string): Promise<string> {
  const client = new Redis(url, { enableReadyCheck: false });
  try {
    const [, port] = (await client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)) as string[];
    return port!;
  } finally {
    client.disconnect();
  }
}
