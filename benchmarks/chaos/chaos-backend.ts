import { DatabaseBackend } from "@tasks/db";

import { DatabaseSync } from "./unfenced-database.ts";

/** Where the tasks of a run are, and whether the store is broken on purpose. */
export interface StoreOptions {
  readonly file: string;
  readonly leaseMs: number;
  readonly broken: "unfenced" | null;
}

/** The backend of a run, the same in every process. */
export function createChaosBackend({ file, leaseMs, broken }: StoreOptions): DatabaseBackend {
  if (broken === null) return new DatabaseBackend({ url: `sqlite:${file}`, leaseMs });
  const database = new DatabaseSync(file);
  database.exec("pragma journal_mode = wal; pragma synchronous = normal");
  return new DatabaseBackend({ database, leaseMs });
}
