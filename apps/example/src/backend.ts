import { createHash } from "node:crypto";

import type { Backend } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { RQBackend } from "@tasks/rq";

import { databaseFile, redisUrl } from "./places.ts";

const options = {
  queues: ["default", "documents"],
  // What a killed worker held runs elsewhere after at most this and two seconds.
  leaseMs: 5000,
};

/** Where the tasks are kept: beside the documents, or in Redis. Connects on first use. */
export const backend: Backend =
  redisUrl === undefined
    ? new DatabaseBackend({ url: `sqlite:${databaseFile}`, ...options })
    : new RQBackend({ url: redisUrl, prefix: prefixOf(databaseFile), ...options });

/** Creates what tasks are kept in, where that does not come by itself. */
export async function prepareBackend(): Promise<void> {
  if (backend instanceof DatabaseBackend) await backend.migrate();
}

/** Each index has tasks of its own, also where several share a server. */
function prefixOf(path: string): string {
  return `search-${createHash("sha256").update(path).digest("hex").slice(0, 16)}`;
}
