import { PgBoss, type WorkOptions } from "pg-boss";

import type { Destination, Queue } from "../contender.ts";

/** How it is set up. */
export interface Settings {
  readonly concurrency: number;
  /** Workers are told of new jobs. */
  readonly notify: boolean;
  readonly work: WorkOptions;
}

const DAY_S = 86_400;

export async function openQueue(url: string, settings: Settings): Promise<Queue> {
  const { notify } = settings;
  const boss = new PgBoss({ connectionString: url, useListenNotify: notify });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  for (const name of ["bench", "other"]) await boss.createQueue(name, { notify });
  const insert = async (jobs: readonly number[], to: Destination): Promise<void> => {
    await boss.insert(
      to === "other" ? "other" : "bench",
      jobs.map((job) => ({ data: { job }, ...(to === "tomorrow" ? { startAfter: DAY_S } : {}) })),
    );
  };
  return {
    enqueue: async (job) => {
      await boss.send("bench", { job });
    },
    enqueueMany: insert,
    work: async (handle, { oneAtATime }) => {
      const localConcurrency = oneAtATime ? 1 : settings.concurrency;
      await boss.work<{ job: number }>(
        "bench",
        { ...settings.work, localConcurrency },
        async (jobs) => {
          if (oneAtATime) for (const { data } of jobs) await handle(data.job);
          else await Promise.all(jobs.map(({ data }) => handle(data.job)));
        },
      );
      return { stop: () => boss.offWork("bench", { wait: true }) };
    },
  };
}
