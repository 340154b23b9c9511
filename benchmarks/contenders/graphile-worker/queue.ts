import { Logger, makeWorkerUtils, run } from "graphile-worker";

import type { Destination, Queue } from "../contender.ts";

/** How it is set up. */
export interface Settings {
  readonly concurrency: number;
  readonly worker: GraphileConfig.WorkerOptions;
}

const DAY_MS = 86_400_000;

const logger = new Logger(() => (level, message) => {
  if (level === "error" || level === "warning") console.error(message);
});

export async function openQueue(url: string, settings: Settings): Promise<Queue> {
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  const toSpec = (job: number, to: Destination): Parameters<typeof utils.addJobs>[0][number] => ({
    identifier: to === "other" ? "other" : "bench",
    payload: { job },
    ...(to === "tomorrow" ? { runAt: new Date(Date.now() + DAY_MS) } : {}),
  });
  return {
    enqueue: async (job) => {
      await utils.addJob("bench", { job });
    },
    enqueueMany: async (jobs, to) => {
      await utils.addJobs(jobs.map((job) => toSpec(job, to)));
    },
    work: async (handle, { oneAtATime }) => {
      const concurrentJobs = oneAtATime ? 1 : settings.concurrency;
      const runner = await run({
        preset: { worker: { ...settings.worker, concurrentJobs, connectionString: url, logger } },
        taskList: { bench: async (payload) => handle((payload as { job: number }).job) },
        parsedCronItems: [],
        noHandleSignals: true,
      });
      return { stop: () => runner.stop() };
    },
  };
}
