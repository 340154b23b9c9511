import { Redis } from "ioredis";

import { startRestartableServers, type RestartableServer } from "./restartable-server.ts";
import { waitUntil } from "./wait-until.ts";

/** A cluster of one's own, whose nodes can be killed and started again. */
export interface RedisCluster extends AsyncDisposable {
  /** For the client: where to ask first. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The node that a key is on at this moment. */
  masterOf(key: string): Promise<RestartableServer>;
}

const SLOTS = 16_384;

/**
 * Starts a cluster, from programs on this machine. It ends with this process.
 *
 * @param replicas how many of the masters have a replica, counted from the first, which has the lowest slots.
 */
export async function startRedisCluster(masters: number, replicas: number): Promise<RedisCluster> {
  const variants = Array.from({ length: masters + replicas }, () => "cluster");
  const group = await startRestartableServers("redis", variants);
  const clients = group.servers.map(({ url }) => new Redis(url));
  try {
    await introduce(clients, masters);
    await Promise.all(
      clients.slice(masters).map((client, index) => replicate(client, clients[index]!)),
    );
  } finally {
    for (const client of clients) client.disconnect();
  }
  const addresses = group.servers.map(({ url }) => new URL(url));
  return {
    nodes: addresses.map(({ hostname, port }) => ({ host: hostname, port: Number(port) })),
    masterOf: async (key) => {
      const port = await masterPort(group.servers, key);
      return group.servers[addresses.findIndex((address) => address.port === String(port))]!;
    },
    [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
  };
}

async function introduce(clients: readonly Redis[], masters: number): Promise<void> {
  const share = Math.ceil(SLOTS / masters);
  const owners = clients.slice(0, masters).map(async (client, index) => {
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    const last = Math.min(SLOTS, (index + 1) * share) - 1;
    await client.call("CLUSTER", "ADDSLOTSRANGE", index * share, last);
  });
  await Promise.all(owners);
  for (const client of clients.slice(1)) {
    const { host = "", port = 0 } = client.options;
    const busPort = await readSetting(client, "cluster-port");
    await clients[0]!.call("CLUSTER", "MEET", host, port, busPort);
  }
  await Promise.all(
    clients.map((client) =>
      waitUntil("the nodes know each other", async () => {
        const info = await client.cluster("INFO");
        return (
          info.includes("cluster_state:ok") &&
          info.includes(`cluster_known_nodes:${clients.length}\r`)
        );
      }),
    ),
  );
}

async function replicate(replica: Redis, master: Redis): Promise<void> {
  await replica.call("CLUSTER", "REPLICATE", await master.cluster("MYID"));
  await waitUntil("the replica has caught up", async () =>
    (await replica.info("replication")).includes("master_link_status:up"),
  );
}

async function readSetting(client: Redis, name: string): Promise<string> {
  const answer = (await client.config("GET", name)) as Record<string, string> | string[];
  return Array.isArray(answer) ? answer[1]! : answer[name]!;
}

async function masterPort(servers: readonly RestartableServer[], key: string): Promise<number> {
  for (const { url } of servers) {
    const client = new Redis(url, { retryStrategy: () => null, lazyConnect: true });
    client.on("error", () => undefined);
    try {
      const slot = await client.cluster("KEYSLOT", key);
      const ranges = await client.cluster("SLOTS");
      const range = ranges.find(([first, last]) => first <= slot && slot <= last);
      if (range?.[2] !== undefined) return range[2][1];
    } catch {
      // This one is down; the others know.
    } finally {
      client.disconnect();
    }
  }
  throw new Error("No node of the cluster answers.");
}
