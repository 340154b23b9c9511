import { configureTasks, task } from "@tasks/core";
import { RQBackend } from "@tasks/rq";

import type { Destination, Queue } from "../contender.ts";

let handleJob: (job: number) => Promise<void> = async () => {};

const bench = task({ name: "bench" }, async (job: number) => handleJob(job));
const destinations: Readonly<Record<Destination, typeof bench>> = {
  main: bench,
  tomorrow: bench.using({ runAfter: { days: 1 } }),
  other: bench.using({ queueName: "other" }),
};

export async function openQueue(url: string, concurrency: number): Promise<Queue> {
  const backend = new RQBackend({ url, queues: ["default", "other"] });
  configureTasks({ backends: { default: backend } });
  return {
    enqueue: async (job) => {
      await bench.enqueue(job);
    },
    enqueueMany: async (jobs, to) => {
      await destinations[to].enqueueMany(jobs.map((job) => [job]));
    },
    work: async (handle, { oneAtATime }) => {
      handleJob = handle;
      const worker = await backend.createWorker({ concurrency: oneAtATime ? 1 : concurrency });
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
