import { drizzle } from "drizzle-orm/better-sqlite3";
import Database from "libsql";
import { type buildDBClient, migrateDB, Runner, SqliteQueue } from "liteque";

import type { Destination, Queue } from "../contender.ts";

const CONCURRENCY = 10;
const POLL_MS = 2;
const DAY_MS = 86_400_000;

/** What `buildDBClient` does with better-sqlite3, with the driver that accepts its transactions. */
function connect(file: string): ReturnType<typeof buildDBClient> {
  const sqlite = new Database(file);
  sqlite.pragma("busy_timeout = 5000");
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("synchronous = NORMAL");
  sqlite.pragma("cache_size = -65536");
  sqlite.pragma("foreign_keys = ON");
  sqlite.pragma("temp_store = MEMORY");
  return drizzle(sqlite as never);
}

export async function openQueue(file: string): Promise<Queue> {
  const db = connect(file);
  migrateDB(db);
  const options = { defaultJobArgs: { numRetries: 0 }, keepFailedJobs: true };
  const queue = new SqliteQueue<number>("bench", db, options);
  const other = new SqliteQueue<number>("other", db, options);
  const enqueueTo: Readonly<Record<Destination, (job: number) => Promise<unknown>>> = {
    main: (job) => queue.enqueue(job),
    tomorrow: (job) => queue.enqueue(job, { delayMs: DAY_MS }),
    other: (job) => other.enqueue(job),
  };
  return {
    enqueue: async (job) => {
      await queue.enqueue(job);
    },
    enqueueMany: async (jobs, to) => {
      for (const job of jobs) await enqueueTo[to](job);
    },
    work: async (handle, { oneAtATime }) => {
      const runner = new Runner<number>(
        queue,
        { run: (job) => handle(job.data) },
        { pollIntervalMs: POLL_MS, timeoutSecs: 60, concurrency: oneAtATime ? 1 : CONCURRENCY },
      );
      const run = runner.run();
      return {
        stop: async () => {
          runner.stop();
          await run;
        },
      };
    },
  };
}
