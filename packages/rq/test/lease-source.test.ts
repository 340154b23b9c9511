import { Cluster, Redis, type ClusterOptions, type RedisOptions } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis-5";
import { describe, expect, it } from "vitest";

import type { RedisClient } from "../src/connection/client.ts";
import { leaseSourceOf } from "../src/connection/lease-source.ts";

const NODES = [{ host: "10.0.0.1", port: 6379 }];

describe.each([
  ["ioredis 6", Redis, Cluster],
  ["ioredis 5", Redis5 as unknown as typeof Redis, Cluster5 as unknown as typeof Cluster],
])("options of a client of %s", (_version, Server, Nodes) => {
  const server = (options: Omit<RedisOptions, "replyMapping">): RedisClient =>
    new Server({ ...options, lazyConnect: true });
  const cluster = (options: Omit<ClusterOptions, "redisOptions">): RedisClient =>
    new Nodes(NODES, { ...options, lazyConnect: true });

  it("reach a thread as they are: address, credentials, certificates, sentinels, nodes", () => {
    const sentinels = [{ host: "10.0.0.2", port: 26_379 }];
    const tls = { ca: Buffer.from("certificate"), servername: "redis" };
    const options = { sentinels, name: "main", username: "u", password: "p", db: 3, tls };
    expect(structuredClone(leaseSourceOf(server(options)))).toMatchObject({
      type: "server",
      options: { ...options, tls: { ...tls, ca: new Uint8Array(tls.ca) } },
    });
    expect(structuredClone(leaseSourceOf(cluster({ natMap: { a: NODES[0]! } })))).toMatchObject({
      type: "cluster",
      nodes: NODES,
      options: { natMap: { a: NODES[0] } },
    });
  });

  it("may say when to try again, which the thread decides by itself", () => {
    const never = (): null => null;
    expect(leaseSourceOf(server({ retryStrategy: never, reconnectOnError: () => true }))).not.toBe(
      null,
    );
    expect(leaseSourceOf(cluster({ clusterRetryStrategy: never }))).not.toBe(null);
  });

  it("stay where they are when they hold functions that say where to connect to", () => {
    expect(leaseSourceOf(server({ tls: { checkServerIdentity: () => undefined } }))).toBe(null);
    const natMap = (): null => null;
    expect(leaseSourceOf(cluster({ natMap }))).toBe(null);
    expect(leaseSourceOf(cluster({ dnsLookup: (_host, done) => done(null, "::1") }))).toBe(null);
    expect(leaseSourceOf(cluster({ useSRVRecords: true }))).toBe(null);
  });
});
