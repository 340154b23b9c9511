import { Queue as BullQueue, Worker, type Job } from "bullmq";

import type { Destination, Queue } from "../contender.ts";

const DAY_MS = 86_400_000;

export async function openQueue(
  url: string,
  concurrency: number,
  enableAutoPipelining = false,
): Promise<Queue> {
  const { hostname, port } = new URL(url);
  const connection = { host: hostname, port: Number(port) };
  const options = { prefix: "{bull}", connection: { ...connection, enableAutoPipelining } };
  const bench = new BullQueue("bench", options);
  const other = new BullQueue("other", options);
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
        { prefix: "{bull}", connection, concurrency: oneAtATime ? 1 : concurrency },
      );
      worker.on("error", (error) => console.error(error));
      await worker.waitUntilReady();
      return { stop: () => worker.close() };
    },
  };
}
