/** What the lease thread runs where the backend's client is the user's: a client with the same options. */
import { clearTimeout, setTimeout } from "node:timers";

import { keepLease } from "@tasks/core/lease-thread";
import type { Lease } from "@tasks/core/worker";
import { Cluster, Redis } from "ioredis";

import type { RedisClient } from "./connection/client.ts";
import type { LeaseSource } from "./connection/lease-source.ts";
import type { LeaseData } from "./redis-lease.ts";

keepLease(openLease);

/** Opens the client by which the thread renews its session's lease. A client that fails is closed, and another opened: it finds the new master. */
async function openLease({ source, keys, renew, giveBack, leaseMs }: LeaseData): Promise<Lease> {
  // A server that is silent is given up while there is time to ask another.
  const patienceMs = Math.max(1000, leaseMs / 3);
  const client = createClient(source);
  // Whoever waits for a command is told; without a listener ioredis would print.
  client.on("error", () => undefined);
  try {
    await within(patienceMs, client.connect());
  } catch (error) {
    client.disconnect();
    throw error;
  }
  const run = async (lua: string, values: readonly (string | number)[]): Promise<void> => {
    await within(patienceMs, client.call("EVAL", [lua, keys.length, ...keys, ...values]));
  };
  return {
    renew: () => run(renew.lua, renew.values),
    giveBack: (attempts) => {
      const named = attempts.flatMap(({ id, fence }) => [id, fence]);
      return run(giveBack.lua, [...giveBack.values, ...named]);
    },
    close: () => client.disconnect(),
  };
}

function createClient(source: LeaseSource): RedisClient {
  const giveUp = (): null => null;
  if (source.type === "cluster") {
    const options = { ...source.options, lazyConnect: true, clusterRetryStrategy: giveUp };
    // Options as plain data, whose types say less than those of the constructor.
    return new Cluster([...source.nodes], options as object);
  }
  return new Redis({
    ...source.options,
    lazyConnect: true,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: giveUp,
    sentinelRetryStrategy: giveUp,
  });
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("Redis does not answer.")), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
