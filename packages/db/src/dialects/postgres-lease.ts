/** What the lease thread runs: one connection and two statements. */
import { keepLease } from "@tasks/core/lease-thread";
import type { Lease } from "@tasks/core/worker";
import type { ClientConfig } from "pg";

import { attemptList, type LeaseData } from "./lease-data.ts";

keepLease(openLease);

/** Opens the connection by which the thread renews its session's lease. */
async function openLease({
  config,
  renewLease,
  giveBack,
  leaseMs,
}: LeaseData<ClientConfig>): Promise<Lease> {
  // Bundlers leave drivers to run time: a driver that is not installed must not fail the build.
  const { Client } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "pg");
  // A connection that does not answer has to be replaced while there is something of the lease left.
  const limitMs = Math.ceil(leaseMs / 3);
  const limits = { connectionTimeoutMillis: limitMs, query_timeout: limitMs };
  const client = new Client({ ...config, ...limits, keepAlive: true });
  // The next renewal meets the same trouble, and reports it.
  client.on("error", () => undefined);
  await client.connect();
  return {
    renew: async () => {
      await client.query(renewLease.sql, [...renewLease.params]);
    },
    giveBack: async (attempts) => {
      await client.query(giveBack.sql, [...giveBack.params, attemptList(attempts)]);
    },
    close: () => client.end(),
  };
}
