import { createPostgresBackend, Queue as BullQueue, Worker, type Job } from "bullmq";

import type { Destination, Queue } from "../contender.ts";

const CONCURRENCY = 10;
const DAY_MS = 86_400_000;

export async function openQueue(url: string): Promise<Queue> {
  const connection = { connectionString: url, migrate: true };
  const bench = new BullQueue("bench", { connection }, createPostgresBackend);
  const other = new BullQueue("other", { connection }, createPostgresBackend);
  await bench.waitUntilReady();
  return {
    enqueue: async (job) => {
      await bench.add("bench", { job });
    },
    enqueueMany: async (jobs, to: Destination) => {
      const opts = to === "tomorrow" ? { delay: DAY_MS } : {};
      const queue = to === "other" ? other : bench;
      await queue.addBulk(jobs.map((job) => ({ name: "bench", data: { job }, opts })));
    },
    work: async (handle, { oneAtATime }) => {
      const worker = new Worker(
        "bench",
        async ({ data }: Job<{ job: number }>) => handle(data.job),
        { connection, concurrency: oneAtATime ? 1 : CONCURRENCY },
        createPostgresBackend,
      );
      worker.on("error", (error) => console.error(error));
      await worker.waitUntilReady();
      return { stop: () => worker.close() };
    },
  };
}
