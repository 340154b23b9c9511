import Database from "better-sqlite3";
import { better, defineQueue, defineWorker, type Logger } from "plainjob";

import type { Destination, Queue } from "../contender.ts";

const WORKERS = 10;
const POLL_MS = 2;
const DAY_MS = 86_400_000;

const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
};

export async function openQueue(file: string): Promise<Queue> {
  // The queue itself sets WAL, synchronous NORMAL and a busy timeout of 5 s.
  const queue = defineQueue({ connection: better(new Database(file)), logger });
  const types: Readonly<Record<Destination, string>> = {
    main: "bench",
    tomorrow: "bench",
    other: "other",
  };
  return {
    enqueue: async (job) => {
      queue.add("bench", job);
    },
    enqueueMany: async (jobs, to) => {
      queue.addMany(types[to], [...jobs], { delay: to === "tomorrow" ? DAY_MS : 0 });
    },
    work: async (handle, { oneAtATime }) => {
      const workers = Array.from({ length: oneAtATime ? 1 : WORKERS }, () =>
        defineWorker("bench", (job) => handle(JSON.parse(job.data)), {
          queue,
          pollIntervall: POLL_MS,
          logger,
        }),
      );
      const runs = workers.map((worker) => worker.start());
      return {
        stop: async () => {
          for (const worker of workers) await worker.stop();
          await Promise.all(runs);
        },
      };
    },
  };
}
