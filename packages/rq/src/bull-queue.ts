import type { ConnectionOptions, Queue } from "bullmq";

import type { RedisStore } from "./connection/redis-store.ts";

/** A plain BullMQ queue on our jobs, for tools that show queues. */
export async function openBullQueue(store: RedisStore, name: string): Promise<Queue> {
  // Workers and enqueuers do without it, and start the faster.
  const bullmq = await import("bullmq");
  const { client, address } = store.opened;
  return new bullmq.Queue(name, {
    prefix: store.root,
    // Given options it opens a connection of its own, and closes it; a client stays its owner's.
    connection: (address ?? client) as ConnectionOptions,
    skipMetasUpdate: true,
  });
}
