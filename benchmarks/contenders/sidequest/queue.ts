import { fileURLToPath } from "node:url";

import { configureLogger, type LoggerOptions } from "@sidequest/core";
import { Engine, type EngineConfig } from "@sidequest/engine";

import type { Destination, Queue } from "../contender.ts";
import { BenchJob, setHandler } from "./job.ts";

const DAY_MS = 86_400_000;
const QUIET: LoggerOptions = { level: "error", json: false };

export async function openQueue(url: string): Promise<Queue> {
  const config: EngineConfig = {
    backend: {
      driver: "@sidequest/mysql-backend",
      config: { connection: url, pool: { min: 0, max: 20 } } as never,
    },
    logger: QUIET,
    fork: false,
    runner: "inline",
    gracefulShutdown: false,
    manualJobResolution: true,
    jobsFilePath: fileURLToPath(new URL("job.ts", import.meta.url)),
    jobPollingInterval: 10,
    releaseStaleJobsIntervalMin: false,
    cleanupFinishedJobsIntervalMin: false,
  };
  configureLogger(QUIET);
  const engine = new Engine();
  await engine.configure(config);
  // Workers that start at the same time on a new queue fall over each other. Another process may have made it.
  await engine
    .getBackend()
    ?.createNewQueue({ name: "default", concurrency: 10 })
    .catch(() => undefined);
  const enqueue = async (job: number, to: Destination): Promise<void> => {
    const builder = engine.build(BenchJob).queue(to === "other" ? "other" : "default");
    if (to === "tomorrow") builder.availableAt(new Date(Date.now() + DAY_MS));
    await builder.enqueue(job);
  };
  return {
    enqueue: (job) => enqueue(job, "main"),
    // It has nothing to store many at once.
    enqueueMany: async (jobs, to) => {
      await Promise.all(jobs.map((job) => enqueue(job, to)));
    },
    work: async (handle, { oneAtATime }) => {
      setHandler(handle);
      await engine.start({ ...config, maxConcurrentJobs: oneAtATime ? 1 : 10 });
      return {
        stop: async () => {
          await engine.close();
          // Closed, it enqueues nothing either.
          await engine.configure(config);
        },
      };
    },
  };
}
