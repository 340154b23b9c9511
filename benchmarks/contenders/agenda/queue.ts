import { PostgresBackend } from "@agendajs/postgres-backend";
import { Agenda } from "agenda";

import type { Destination, Queue } from "../contender.ts";

const CONCURRENCY = 10;
const WIDTH = 64;

export async function openQueue(url: string): Promise<Queue> {
  const agenda = new Agenda({ backend: new PostgresBackend({ connectionString: url }) });
  agenda.on("error", (error) => console.error(error));
  await agenda.ready;
  const enqueueTo: Readonly<Record<Destination, (job: number) => Promise<unknown>>> = {
    main: (job) => agenda.now("bench", { job }),
    tomorrow: (job) => agenda.schedule("in 1 day", "bench", { job }),
    other: (job) => agenda.now("other", { job }),
  };
  return {
    enqueue: async (job) => {
      await enqueueTo.main(job);
    },
    enqueueMany: async (jobs, to) => {
      const waiting = [...jobs];
      const lane = async (): Promise<void> => {
        for (let job = waiting.pop(); job !== undefined; job = waiting.pop()) {
          await enqueueTo[to](job);
        }
      };
      await Promise.all(Array.from({ length: WIDTH }, lane));
    },
    work: async (handle, { oneAtATime }) => {
      agenda.define<{ job: number }>("bench", async ({ attrs }) => handle(attrs.data.job), {
        concurrency: oneAtATime ? 1 : CONCURRENCY,
      });
      await agenda.start();
      return { stop: () => agenda.stop(false) };
    },
  };
}
