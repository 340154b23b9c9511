import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { withBackends } from "@tasks/core";
import type { DatabaseBackend } from "@tasks/db";

import { createChaosBackend, type StoreOptions } from "./chaos-backend.ts";
import { Workers } from "./workers.ts";

/** What a run works with. */
export interface Run {
  readonly folder: string;
  /** By which tasks are enqueued and looked at: always intact. */
  readonly backend: DatabaseBackend;
  readonly workers: Workers;
}

/** Runs something in a fresh folder with a fresh store, and leaves neither files nor processes behind. */
export async function inRunFolder<T>(
  options: Omit<StoreOptions, "file">,
  action: (run: Run) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-chaos-"));
  const store = { ...options, file: join(folder, "tasks.db") };
  try {
    await using backend = createChaosBackend({ ...store, broken: null });
    await backend.migrate();
    await using workers = new Workers({ ...store, folder });
    return await withBackends({ default: backend }, () => action({ folder, backend, workers }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
