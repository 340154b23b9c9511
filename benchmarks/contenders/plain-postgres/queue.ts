import { setTimeout as sleep } from "node:timers/promises";

import { createId } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Client } from "pg";

import type { Destination, Queue, Work } from "../contender.ts";
import { CLAIM, COMPLETE, INSERT, INSERT_ONE } from "./statements.ts";

const BATCH_SIZE = 500;
const CONNECTIONS = 2;
/** Pause between two looks at an empty queue, in milliseconds. */
const IDLE_MS = 2;
/** Without scans of whole tables, which are never right here; planned once. */
const SETTINGS =
  "set jit = off; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off";

export async function openQueue(url: string): Promise<Queue> {
  await using backend = new DatabaseBackend({ url });
  await backend.migrate();
  const client = await connect(url);
  const insertAll = async (jobs: readonly number[], to: Destination): Promise<void> => {
    const ids = jobs.map(() => createId());
    const args = jobs.map((job) => JSON.stringify([job]));
    const queueName = to === "other" ? "other" : "default";
    await client.query({ ...INSERT, values: [ids, args, queueName, to === "tomorrow"] });
  };
  return {
    enqueue: async (job) => {
      await client.query({ ...INSERT_ONE, values: [createId(), JSON.stringify([job])] });
    },
    enqueueMany: insertAll,
    enqueueTogether: (jobs) => insertAll(jobs, "main"),
    work: async (handle, { oneAtATime }) =>
      oneAtATime ? startWork(url, handle, 1, 1) : startWork(url, handle, CONNECTIONS, BATCH_SIZE),
  };
}

async function startWork(
  url: string,
  handle: (job: number) => Promise<void>,
  connections: number,
  batchSize: number,
): Promise<Work> {
  let isStopped = false;
  const loop = async (): Promise<void> => {
    const client = await connect(url);
    while (!isStopped) {
      const { rows } = await client.query<{ seq: string; args: string }>({
        ...CLAIM,
        values: [batchSize],
      });
      for (const { args } of rows) await handle((JSON.parse(args) as [number])[0]);
      if (rows.length === 0) await sleep(IDLE_MS);
      else await client.query({ ...COMPLETE, values: [rows.map(({ seq }) => seq)] });
    }
    await client.end();
  };
  const running = Array.from({ length: connections }, loop);
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  await client.query(SETTINGS);
  return client;
}
