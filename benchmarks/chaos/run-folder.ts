import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { withBackends, type Backend } from "@tasks/core";

import { createChaosBackend, stores } from "./stores/index.ts";
import type { StartedStore, StoreOptions } from "./stores/store.ts";
import { Workers } from "./workers.ts";

/** What a run works with. */
export interface Run {
  readonly folder: string;
  readonly store: StartedStore;
  readonly leaseMs: number;
  /** By which tasks are enqueued and looked at: always intact. */
  readonly backend: Backend;
  readonly workers: Workers;
}

/** Runs something in a fresh folder with a fresh store, and leaves neither files nor processes behind. */
export async function inRunFolder<T>(
  options: Omit<StoreOptions, "url">,
  action: (run: Run) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-chaos-"));
  try {
    await using store = await stores[options.store].start(folder);
    const reached = { ...options, url: store.url };
    await using backend = createChaosBackend({ ...reached, broken: null });
    await using workers = new Workers({ ...reached, folder });
    const run = { folder, store, leaseMs: options.leaseMs, backend, workers };
    return await withBackends({ default: backend }, () => action(run));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
