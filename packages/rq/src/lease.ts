/** What the lease thread runs: one connection and one script. */
import type { Lease } from "@tasks/core/worker";

import type { ClientOptions } from "./connection/client.ts";
import { WireConnection } from "./connection/wire.ts";

/** What the lease thread is given. */
export interface LeaseData {
  readonly options: ClientOptions;
  readonly lua: string;
  readonly root: string;
  readonly values: readonly (string | number)[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease(data: LeaseData): Promise<Lease> {
  const connection = await WireConnection.open(data.options, data.leaseMs);
  return {
    renew: async () => {
      await connection.send("EVAL", data.lua, 1, data.root, ...data.values);
    },
    close: () => connection.close(),
  };
}
