import { RQBackend } from "@tasks/rq";

import { startRestartableServer } from "../../../scripts/services/restartable-server.ts";
import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import type { ChaosStore } from "./store.ts";
import { UnfencedBackend } from "./unfenced-redis.ts";

/** A server of the run's own, reached through a network of the run's own. */
export const redis: ChaosStore = {
  start: async () => {
    const server = await startRestartableServer("redis");
    const network = await TcpProxy.to(server.url);
    const stop = async (): Promise<void> => {
      await network[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    };
    return { url: network.url, server, network, [Symbol.asyncDispose]: stop };
  },
  createBackend: ({ url, leaseMs, broken }) => {
    // In proportion to the lease, as the defaults are.
    const limits = { leaseMs, commandTimeoutMs: leaseMs };
    return broken === null ? new RQBackend({ url, ...limits }) : new UnfencedBackend(url, limits);
  },
};
