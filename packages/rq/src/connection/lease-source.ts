import { lookup } from "node:dns";

import type { Cluster, ClusterNode, ClusterOptions, Redis } from "ioredis";

import type { ClientOptions, RedisClient } from "./client.ts";

/** How a lease thread connects: by our own wire to one server, or by a client of ioredis to wherever the user's client does. Plain data. */
export type LeaseSource =
  | { readonly type: "wire"; readonly options: ClientOptions }
  | { readonly type: "server"; readonly options: ClientOptions }
  | {
      readonly type: "cluster";
      readonly nodes: readonly ClusterNode[];
      readonly options: ClusterOptions;
    };

/** Options that say when to try again, or whom to read from: a thread has an answer of its own. */
const NOT_CARRIED: ReadonlySet<string> = new Set([
  "retryStrategy",
  "sentinelRetryStrategy",
  "sentinelReconnectStrategy",
  "clusterRetryStrategy",
  "clusterNodeRetryStrategy",
  "reconnectOnError",
  "preferredSlaves",
  "scaleReads",
]);

/** How a thread connects to where a user's client does; `null` when the client's options hold functions or objects that cannot be carried there. */
export function leaseSourceOf(client: RedisClient): LeaseSource | null {
  try {
    return client.isCluster ? clusterSource(client as Cluster) : serverSource(client as Redis);
  } catch (error) {
    if (error instanceof NotPlain) return null;
    throw error;
  }
}

function serverSource({ options }: Redis): LeaseSource {
  return { type: "server", options: toPlain(options) as ClientOptions };
}

function clusterSource(cluster: Cluster): LeaseSource | null {
  // Private to TypeScript, and the same in all versions that we work with.
  const { startupNodes } = cluster as unknown as { readonly startupNodes?: unknown };
  const { dnsLookup, resolveSrv: _resolveSrv, ...options } = cluster.options;
  const isResolvedAsUsual = dnsLookup === undefined || dnsLookup === lookup;
  if (!Array.isArray(startupNodes) || !isResolvedAsUsual || options.useSRVRecords === true) {
    return null;
  }
  return {
    type: "cluster",
    nodes: toPlain(startupNodes) as ClusterNode[],
    options: toPlain(options) as ClusterOptions,
  };
}

class NotPlain extends Error {}

/** A copy of data that a thread can be handed. @throws NotPlain */
function toPlain(value: unknown): unknown {
  if (typeof value === "function" || typeof value === "symbol") throw new NotPlain();
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new NotPlain();
  const entries = Object.entries(value).filter(([name]) => !NOT_CARRIED.has(name));
  return Object.fromEntries(entries.map(([name, entry]) => [name, toPlain(entry)]));
}
