/** What the lease thread runs: one connection and one statement. */
import type { Lease } from "@tasks/core/worker";
import type { ClientConfig } from "pg";

import type { SqlValue } from "../connection.ts";

/** What the lease thread is given. */
export interface PostgresLeaseData {
  readonly config: ClientConfig;
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({
  config,
  sql,
  params,
  leaseMs,
}: PostgresLeaseData): Promise<Lease> {
  const { Client } = await import("pg");
  // A connection that does not answer has to be replaced while there is something of the lease left.
  const limitMs = Math.ceil(leaseMs / 3);
  const limits = { connectionTimeoutMillis: limitMs, query_timeout: limitMs };
  const client = new Client({ ...config, ...limits, keepAlive: true });
  // The next renewal meets the same trouble, and reports it.
  client.on("error", () => undefined);
  await client.connect();
  return {
    renew: async () => {
      await client.query(sql, [...params]);
    },
    close: () => client.end(),
  };
}
