import { DatabaseBackend } from "@tasks/db";

import { databaseFile } from "./places.ts";

/** Where the tasks are kept: beside the documents. Connects on first use. */
export const backend: DatabaseBackend = new DatabaseBackend({
  url: `sqlite:${databaseFile}`,
  queues: ["default", "documents"],
  // What a killed worker held runs elsewhere after at most this and two seconds.
  leaseMs: 5000,
});
