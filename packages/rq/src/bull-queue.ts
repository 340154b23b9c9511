import type { Queue } from "bullmq";

import { duplicateClient } from "./connection/client.ts";
import type { RedisStore } from "./connection/redis-store.ts";

/** A plain BullMQ queue on our jobs, for tools that show queues. */
export async function openBullQueue(store: RedisStore, name: string): Promise<Queue> {
  // Workers and enqueuers do without it, and start the faster.
  const bullmq = await import("bullmq");
  return new bullmq.Queue(name, {
    prefix: store.root,
    connection: duplicateClient(store.client),
    skipMetasUpdate: true,
  });
}
