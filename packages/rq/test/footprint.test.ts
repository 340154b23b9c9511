import { createId, task, taskLog } from "@tasks/core";
import { Queue, Worker, type ConnectionOptions } from "bullmq";
import { describe, expect, it, onTestFinished } from "vitest";

import { openBackend } from "./support/open.ts";
import { createClient, deleteKeys, keysOf, redisUrl } from "./support/redis.ts";

taskLog.connect(() => undefined);
const client = createClient();
const JOBS = 1000;

interface Mail {
  readonly to: string;
  readonly template: string;
  readonly locale: string;
  readonly name: string;
}

const mail = (number: number): Mail => ({
  to: `user-${number}@example.com`,
  template: "welcome",
  locale: "en",
  name: "Ada Lovelace",
});
const receipt = { messageId: "m-12345", ok: true };
const send = task({ name: "send-welcome" }, (_mail: Mail) => receipt);

/** Bytes that a finished job takes, with its part of everything else under the prefix. */
async function bytesPerJob(prefix: string): Promise<number> {
  let bytes = 0;
  for (const key of await keysOf(client, prefix)) {
    bytes += Number(await client.memory("USAGE", key, "SAMPLES", 0));
  }
  return bytes / JOBS;
}

/** The same jobs on plain BullMQ. */
async function runOnBullMQ(prefix: string): Promise<void> {
  const { hostname, port } = new URL(redisUrl());
  const connection: ConnectionOptions = { host: hostname, port: Number(port) };
  const queue = new Queue("default", { prefix, connection });
  const jobs = Array.from({ length: JOBS }, (_, n) => ({ name: send.name, data: mail(n) }));
  await queue.addBulk(jobs);
  const worker = new Worker("default", async () => receipt, {
    prefix,
    connection,
    concurrency: 50,
  });
  await expect.poll(() => queue.getCompletedCount(), { timeout: 10_000 }).toBe(JOBS);
  await Promise.all([worker.close(), queue.close()]);
}

describe("a finished result", () => {
  it("takes at most a tenth more memory than the same job that plain BullMQ keeps", async () => {
    const { backend, prefix } = openBackend();
    const bull = `{b${createId()}}`;
    onTestFinished(async () => {
      await deleteKeys(client, bull);
      await backend.close();
    });
    await send.enqueueMany(Array.from({ length: JOBS }, (_, n) => [mail(n)] as [Mail]));
    await (await backend.createWorker({ batch: true, concurrency: 50 })).run();
    await runOnBullMQ(bull);
    const [ours, theirs] = [await bytesPerJob(`{${prefix}}`), await bytesPerJob(bull)];
    expect(ours / theirs).toBeLessThan(1.1);
  }, 30_000);
});
