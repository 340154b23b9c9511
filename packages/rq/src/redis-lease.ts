/** What the lease thread runs: one connection and two scripts. */
import { keepLease } from "@tasks/core/lease-thread";
import type { Lease } from "@tasks/core/worker";

import type { LeaseSource } from "./connection/lease-source.ts";
import { WireConnection } from "./connection/wire.ts";

/** What the lease thread is given. */
export interface LeaseData {
  readonly source: LeaseSource;
  readonly keys: readonly string[];
  readonly renew: LeaseScript;
  /** Id and fence of each attempt follow. */
  readonly giveBack: LeaseScript;
  readonly leaseMs: number;
}

/** A script and the first of its values. */
interface LeaseScript {
  readonly lua: string;
  readonly values: readonly (string | number)[];
}

keepLease(openLease);

/** Opens the connection by which the thread renews its session's lease. */
async function openLease({ source, keys, renew, giveBack, leaseMs }: LeaseData): Promise<Lease> {
  if (source.type !== "wire") throw new TypeError(`The wire leads to no ${source.type}.`);
  const connection = await WireConnection.open(source.options, leaseMs);
  return {
    renew: async () => {
      await connection.send("EVAL", renew.lua, keys.length, ...keys, ...renew.values);
    },
    giveBack: async (attempts) => {
      const values = [...giveBack.values, ...attempts.flatMap(({ id, fence }) => [id, fence])];
      await connection.send("EVAL", giveBack.lua, keys.length, ...keys, ...values);
    },
    close: () => connection.close(),
  };
}
