import { BackendUnavailable, configureTasks, task, taskLog } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();

const produce = task(
  { name: "full.produce", takesContext: true },
  async (context, text: string) => {
    await context.setProgress(text.length);
    context.log.info("produced");
    return text;
  },
);
const snooze = task(
  { name: "full.snooze", maxAttempts: 3, backoff: { delayMs: 100_000 } },
  (): null => {
    throw new Error("on purpose");
  },
);

/** A server whose memory is full of ready tasks, in a queue that is paused. */
async function openFull(): Promise<{ readonly backend: RQBackend; readonly client: Redis }> {
  const server = await RedisServer.start(folder.path(`full-${performance.now()}`));
  const client = new Redis(server.url);
  const backend = new RQBackend({ url: server.url, queues: ["default", "other"], leaseMs: 1000 });
  configureTasks({ backends: { default: backend } });
  onTestFinished(async () => {
    await backend.close();
    client.disconnect();
  });
  await backend.pause("default");
  return { backend, client };
}

async function fill(client: Redis): Promise<void> {
  const used = Number(/used_memory:(\d+)/.exec(await client.info("memory"))![1]);
  await client.config("SET", "maxmemory", Math.floor(used / 2));
  await expect(client.set("x", "y")).rejects.toThrow(/OOM/);
}

it("refuses tasks when memory is full, and says what to do", async () => {
  const { backend, client } = await openFull();
  await produce.enqueue("before");
  await fill(client);
  for (const enqueue of [
    () => produce.enqueue("after"),
    () => produce.enqueueMany([["a"], ["b"]]),
  ]) {
    const error: unknown = await enqueue().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BackendUnavailable);
    expect((error as Error).message).toBe(
      "Redis: OOM command not allowed when used memory > 'maxmemory'. The server's memory is full. Workers go on; new tasks are refused until there is room: raise maxmemory, or delete old results with `tasks prune`.",
    );
  }
  expect(await backend.counts()).toMatchObject({ READY: 1 });
});

it("goes on in every other way when memory is full, so that the queue can drain", async () => {
  const { backend, client } = await openFull();
  const kept = await produce.enqueue("kept");
  const gone = await produce.enqueue("gone");
  const dropped = await produce.enqueue("dropped");
  const again = await snooze.enqueue();
  const late = await produce.using({ runAfter: { milliseconds: 50 } }).enqueue("late");
  await fill(client);
  const worker = await backend.createWorker({ queueNames: ["*"], intervalMs: 50 });
  const done = worker.run();
  await backend.pause("other");
  await backend.resume("other");
  expect(await backend.cancel(gone.id)).toBe(true);
  expect(await backend.delete(dropped.id)).toBe(true);
  await backend.resume("default");
  expect((await kept.wait({ timeoutMs: 20_000 })).returnValue).toBe("kept");
  await late.wait({ timeoutMs: 20_000 });
  await expect
    .poll(
      async () => {
        await again.refresh();
        return again.attempts;
      },
      { timeout: 20_000 },
    )
    .toBe(1);
  // Its lease is renewed: nobody takes it for dead.
  const isPastItsFirstLease = async (): Promise<boolean | undefined> => {
    const [info] = await backend.workers();
    return info?.alive === true && Date.now() - info.startedAt.getTime() > 1500;
  };
  await expect.poll(isPastItsFirstLease, { timeout: 20_000 }).toBe(true);
  expect(await backend.cancel(again.id)).toBe(true);
  expect(await backend.retry(again.id)).toBe(true);
  await worker.stop();
  await done;
  expect(await backend.prune({ minAgeMs: 0 })).toBeGreaterThanOrEqual(3);
});
