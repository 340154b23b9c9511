import type { Cluster, Redis, RedisOptions } from "ioredis";

/** A client of ioredis: one server (Sentinel included) or a cluster. */
export type RedisClient = Redis | Cluster;

/** Options of a client of one server. How replies look is left alone: scripts answer with arrays, whole numbers and texts only. */
export type ClientOptions = Omit<RedisOptions, "replyMapping">;

/** Tells what a user handed in. Compared by shape, as the user's ioredis may be another copy than ours. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== "object" || value === null) return false;
  const client = value as Partial<RedisClient>;
  return (
    typeof client.evalsha === "function" &&
    typeof client.duplicate === "function" &&
    typeof client.status === "string"
  );
}

/** Options by which a client connects to a node: its own, or those that a cluster gives to each. */
export function optionsOfNode(client: RedisClient): ClientOptions {
  return client.isCluster
    ? ((client as Cluster).options.redisOptions ?? {})
    : (client as Redis).options;
}

/** Another connection to the same place, for subscriptions. */
export function duplicateClient(client: RedisClient): RedisClient {
  // A subscriber must not give up: it is the one that hears when the server is back.
  const options = { lazyConnect: true, maxRetriesPerRequest: null } as const;
  return client.isCluster
    ? (client as Cluster).duplicate([], { lazyConnect: true, redisOptions: options })
    : (client as Redis).duplicate({
        ...options,
        // We subscribe ourselves; the client would not catch the error when the connection breaks meanwhile.
        autoResubscribe: false,
      });
}
