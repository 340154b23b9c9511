import type { PruneOptions } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Prunes what still runs. */
export class PrunesRunning extends BrokenBackend {
  static readonly fails: readonly string[] = ["prune.keeps-running"];

  override async prune(options: PruneOptions = {}): Promise<number> {
    const running = [...this.store.entries.values()].filter(
      ({ record }) => record.status === "RUNNING",
    );
    for (const entry of running) this.store.remove(entry);
    return running.length + (await super.prune(options));
  }
}
