/** What the lease thread runs: one connection and one script. */
import type { Lease } from "@tasks/core/worker";

import type { ClientOptions } from "./connection/client.ts";

/** What the lease thread is given. */
export interface LeaseData {
  readonly options: ClientOptions;
  readonly lua: string;
  readonly root: string;
  readonly values: readonly (string | number)[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({
  options,
  lua,
  root,
  values,
  leaseMs,
}: LeaseData): Promise<Lease> {
  const { Redis } = await import("ioredis");
  const client = new Redis({
    ...options,
    lazyConnect: true,
    // A server that does not answer for the length of a lease has to be asked anew.
    connectTimeout: leaseMs,
    commandTimeout: leaseMs,
    // The thread opens another connection when this one fails.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  client.on("error", () => undefined);
  await client.connect();
  return {
    renew: async () => {
      await client.eval(lua, 1, root, ...values);
    },
    close: () => client.disconnect(),
  };
}
