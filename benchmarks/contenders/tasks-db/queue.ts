import { configureTasks, task } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import type { Destination, Queue } from "../contender.ts";

let handleJob: (job: number) => Promise<void> = async () => {};

const bench = task({ name: "bench" }, async (job: number) => handleJob(job));
const destinations: Readonly<Record<Destination, typeof bench>> = {
  main: bench,
  tomorrow: bench.using({ runAfter: { days: 1 } }),
  other: bench.using({ queueName: "other" }),
};

export async function openQueue(url: string): Promise<Queue> {
  const backend = new DatabaseBackend({ url, queues: ["default", "other"] });
  configureTasks({ backends: { default: backend } });
  await backend.migrate();
  return {
    enqueue: async (job) => {
      await bench.enqueue(job);
    },
    enqueueMany: async (jobs, to) => {
      await destinations[to].enqueueMany(jobs.map((job) => [job]));
    },
    work: async (handle, { oneAtATime }) => {
      handleJob = handle;
      const worker = await backend.createWorker(oneAtATime ? { concurrency: 1 } : {});
      const run = worker.run();
      return {
        stop: async () => {
          await worker.stop();
          await run;
        },
      };
    },
  };
}
