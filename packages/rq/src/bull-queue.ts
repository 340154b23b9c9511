import { Queue } from "bullmq";

import { duplicateClient } from "./connection/client.ts";
import type { RedisStore } from "./connection/redis-store.ts";

/** A plain BullMQ queue on our jobs, for tools that show queues. Close it after use. */
export function openBullQueue(store: RedisStore, name: string): Queue {
  const connection = duplicateClient(store.client);
  return new Queue(name, { prefix: store.root, connection, skipMetasUpdate: true });
}
