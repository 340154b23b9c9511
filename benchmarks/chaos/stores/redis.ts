import { RQBackend } from "@tasks/rq";

import { startRestartableServer } from "../../../scripts/services/restartable-server.ts";
import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import { ClientBackend } from "./client-backend.ts";
import { PowerCut } from "./power-cut.ts";
import type { ChaosStore } from "./store.ts";
import { UnfencedRedis } from "./unfenced-redis.ts";

/** A server of the run's own that writes everything through to the disk, reached through a network of the run's own. */
export const redis: ChaosStore = createStore("");

/** One that does so once a second, as many are run, on a machine whose power fails. */
export const redisEverysec: ChaosStore = createStore("everysec");

function createStore(variant: "" | "everysec"): ChaosStore {
  return {
    start: async () => {
      const server = await startRestartableServer("redis", variant);
      const network = await TcpProxy.to(server.url);
      const power = variant === "everysec" ? new PowerCut(server, server.folder) : null;
      const stop = async (): Promise<void> => {
        power?.[Symbol.dispose]();
        await network[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      };
      return { url: network.url, server: power ?? server, network, [Symbol.asyncDispose]: stop };
    },
    createBackend: ({ url, leaseMs, broken }) => {
      // In proportion to the lease, as the defaults are.
      const limits = { leaseMs, commandTimeoutMs: leaseMs };
      return broken === null
        ? new RQBackend({ url, ...limits })
        : new ClientBackend({ connection: new UnfencedRedis(url), ...limits });
    },
  };
}
