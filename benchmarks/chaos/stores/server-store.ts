import { DatabaseBackend } from "@tasks/db";

import { startRestartableServer } from "../../../scripts/services/restartable-server.ts";
import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import type { PoolBackend } from "./pool-backend.ts";
import type { ChaosStore } from "./store.ts";

/** Limits of a backend. */
interface Limits {
  readonly leaseMs: number;
  readonly answerLimitMs: number;
}

/**
 * A database server of the run's own, reached through a network of the run's own.
 *
 * @param createUnfenced makes a backend that accepts an outcome no matter who brings it.
 */
export function serverStore(
  name: "postgres" | "mariadb",
  createUnfenced: (url: string, limits: Limits) => PoolBackend,
): ChaosStore {
  return {
    start: async () => {
      const server = await startRestartableServer(name);
      await using backend = new DatabaseBackend({ url: server.url });
      await backend.migrate();
      const network = await TcpProxy.to(server.url);
      const stop = async (): Promise<void> => {
        await network[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      };
      return { url: network.url, server, network, [Symbol.asyncDispose]: stop };
    },
    createBackend: ({ url, leaseMs, broken }) => {
      // In proportion to the lease, as the defaults are.
      const limits = { leaseMs, answerLimitMs: leaseMs };
      return broken === null
        ? new DatabaseBackend({ url, poolSize: 4, ...limits })
        : createUnfenced(url, limits);
    },
  };
}
