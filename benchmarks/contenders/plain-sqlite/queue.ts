import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

import { createId } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import type { Destination, Queue, Work } from "../contender.ts";
import { CLAIM, COMPLETE, INSERT } from "./statements.ts";

const DAY_MS = 86_400_000;
const BATCH_SIZE = 500;
/** Pause between two looks at an empty queue, in milliseconds. */
const IDLE_MS = 2;

export async function openQueue(file: string): Promise<Queue> {
  await using backend = new DatabaseBackend({ url: `sqlite:${file}` });
  await backend.migrate();
  const db = new DatabaseSync(file);
  db.exec("pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 5000");
  const insert = db.prepare(INSERT);
  const insertAll = (jobs: readonly number[], to: Destination): void =>
    inTransaction(db, () => {
      for (const job of jobs) insertJob(insert, job, to);
    });
  return {
    enqueue: async (job) => insertJob(insert, job, "main"),
    enqueueMany: async (jobs, to) => insertAll(jobs, to),
    enqueueTogether: async (jobs) => insertAll(jobs, "main"),
    work: async (handle, { oneAtATime }) => startWork(db, handle, oneAtATime ? 1 : BATCH_SIZE),
  };
}

function insertJob(insert: StatementSync, job: number, to: Destination): void {
  const now = Date.now();
  const runAfter = to === "tomorrow" ? now + DAY_MS : null;
  const queueName = to === "other" ? "other" : "default";
  const phase = runAfter === null ? 1 : 2;
  insert.run(
    createId().slice(12),
    queueName,
    phase,
    runAfter ?? now,
    runAfter,
    now,
    JSON.stringify([job]),
  );
}

function startWork(
  db: DatabaseSync,
  handle: (job: number) => Promise<void>,
  batchSize: number,
): Work {
  const claim = db.prepare(CLAIM);
  const complete = db.prepare(COMPLETE);
  let isStopped = false;
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      const rows = claim.all(Date.now(), batchSize);
      for (const row of rows) await handle(JSON.parse(String(row["args"]))[0]);
      if (rows.length === 1) complete.run(Date.now(), rows[0]!["seq"]!, rows[0]!["fence"]!);
      else if (rows.length > 1) {
        inTransaction(db, () => {
          for (const row of rows) complete.run(Date.now(), row["seq"]!, row["fence"]!);
        });
      }
      if (rows.length === 0) await sleep(IDLE_MS);
      else await new Promise(setImmediate);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec("begin immediate");
  work();
  db.exec("commit");
}
