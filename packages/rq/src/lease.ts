/** What the lease thread runs: one connection and one script. */
import type { Lease } from "@tasks/core/worker";

import type { LeaseSource } from "./connection/lease-source.ts";
import { WireConnection } from "./connection/wire.ts";

/** What the lease thread is given. */
export interface LeaseData {
  readonly source: LeaseSource;
  readonly lua: string;
  readonly keys: readonly string[];
  readonly values: readonly (string | number)[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({ source, lua, keys, values, leaseMs }: LeaseData): Promise<Lease> {
  if (source.type !== "wire") throw new TypeError(`The wire leads to no ${source.type}.`);
  const connection = await WireConnection.open(source.options, leaseMs);
  return {
    renew: async () => {
      await connection.send("EVAL", lua, keys.length, ...keys, ...values);
    },
    close: () => connection.close(),
  };
}
