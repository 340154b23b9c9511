import { setTimeout as sleep } from "node:timers/promises";

import { createId } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { createConnection, type Connection, type RowDataPacket } from "mysql2/promise";

import type { Destination, Queue, Work } from "../contender.ts";
import { CLAIM, COMPLETE, FIND, INSERT, INSERT_ONE, LOCK } from "./statements.ts";

const BATCH_SIZE = 100;
const CONNECTIONS = 2;
/** Pause between two looks at an empty queue, in milliseconds. */
const IDLE_MS = 2;
const DAY_MS = 86_400_000;

export async function openQueue(url: string): Promise<Queue> {
  await using backend = new DatabaseBackend({ url });
  await backend.migrate();
  const connection = await connect(url);
  const insertAll = async (jobs: readonly number[], to: Destination): Promise<void> => {
    const rows = JSON.stringify(jobs.map((job) => [createId(), JSON.stringify([job])]));
    const queueName = to === "other" ? "other" : "default";
    const [phase, delayMs] = to === "tomorrow" ? [2, DAY_MS] : [1, 0];
    await connection.execute(INSERT, [rows, queueName, phase, delayMs, delayMs]);
  };
  return {
    enqueue: async (job) => {
      await connection.execute(INSERT_ONE, [createId(), JSON.stringify([job])]);
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
    const connection = await connect(url);
    while (!isStopped) {
      const claimed = await claim(connection, batchSize);
      for (const { args } of claimed) await handle((JSON.parse(args) as [number])[0]);
      if (claimed.length === 0) await sleep(IDLE_MS);
      else await connection.execute(COMPLETE, [numbersOf(claimed)]);
    }
    await connection.end();
  };
  const running = Array.from({ length: connections }, loop);
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
  };
}

interface Claimed extends RowDataPacket {
  readonly seq: number;
  readonly args: string;
}

async function claim(connection: Connection, batchSize: number): Promise<readonly Claimed[]> {
  // Twice as many as wanted, as the other connection takes from the same end.
  const [found] = await connection.execute<Claimed[]>(FIND, [2 * batchSize]);
  if (found.length === 0) return [];
  await connection.query("start transaction");
  const [locked] = await connection.execute<Claimed[]>(LOCK, [numbersOf(found), batchSize]);
  if (locked.length > 0) await connection.execute(CLAIM, [numbersOf(locked), "session"]);
  await connection.query("commit");
  return locked;
}

function numbersOf(rows: readonly Claimed[]): string {
  return JSON.stringify(rows.map(({ seq }) => seq));
}

async function connect(url: string): Promise<Connection> {
  const connection = await createConnection(url);
  await connection.query("set session transaction isolation level read committed");
  return connection;
}
