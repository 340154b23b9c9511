import { join } from "node:path";

import { DatabaseBackend } from "@tasks/db";

import type { ChaosStore } from "./store.ts";
import { DatabaseSync } from "./unfenced-sqlite.ts";

/** A file, which has neither a server nor a network. */
export const sqlite: ChaosStore = {
  start: async (folder) => {
    const url = `sqlite:${join(folder, "tasks.db")}`;
    await using backend = new DatabaseBackend({ url });
    await backend.migrate();
    return { url, server: null, network: null, [Symbol.asyncDispose]: async () => undefined };
  },
  createBackend: ({ url, leaseMs, broken }) => {
    if (broken === null) return new DatabaseBackend({ url, leaseMs });
    const database = new DatabaseSync(url.slice("sqlite:".length));
    database.exec("pragma journal_mode = wal; pragma synchronous = normal");
    return new DatabaseBackend({ database, leaseMs });
  },
};
