import type { Backend } from "@tasks/core";

import type { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";

/** Kinds of stores that a run can be made on. */
export const STORE_NAMES = [
  "mariadb",
  "postgres",
  "redis",
  "redis-cluster",
  "redis-everysec",
  "redis-sentinel",
  "sqlite",
] as const;
export type StoreName = (typeof STORE_NAMES)[number];

/** How every process of a run reaches its tasks, and whether the store is broken on purpose. */
export interface StoreOptions {
  readonly store: StoreName;
  readonly url: string;
  readonly leaseMs: number;
  readonly broken: "unfenced" | null;
}

/** A store that is there for one run. */
export interface StartedStore extends AsyncDisposable {
  /** Where workers and whoever enqueues find it: at the other end of the network, if there is one. */
  readonly url: string;
  /** The server; `null` where there is none to crash. */
  readonly server: CrashableServer | null;
  /** What lies between; `null` where there is nothing to cut. */
  readonly network: TcpProxy | null;
}

/** A server that can be crashed. */
export interface CrashableServer {
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Everything a run needs to know about one kind of store. */
export interface ChaosStore {
  /** Makes an empty store that is ready for use. */
  start(folder: string): Promise<StartedStore>;
  createBackend(options: StoreOptions): Backend;
}
