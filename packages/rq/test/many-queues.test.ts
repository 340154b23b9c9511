import { configureTasks, createId, task, taskLog } from "@tasks/core";
import { RQBackend, type RQBackendOptions } from "@tasks/rq";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";

import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const server = await RedisServer.start(createFolder().path("many"), "--appendfsync", "no");
const client = new Redis(server.url);
afterAll(() => client.disconnect());

function openBackend(options: RQBackendOptions = {}): {
  readonly backend: RQBackend;
  readonly prefix: string;
} {
  const prefix = createId();
  const backend = new RQBackend({ url: server.url, prefix, ...options });
  configureTasks({ backends: { default: backend } });
  return { backend, prefix };
}

const note = task({ name: "many-queues.note" }, (number: number) => number);
const fail = task({ name: "many-queues.fail" }, (): null => {
  throw new Error("on purpose");
});
const other = task({ name: "many-queues.other" }, () => null);

async function enqueueIn(queues: number, priority = 0): Promise<void> {
  const calls = Array.from({ length: queues }, (_, index) =>
    note.using({ queueName: `customer-${index}`, priority }).enqueue(index),
  );
  await Promise.all(calls);
}

/** How many commands the server ran, those of scripts included, while something was done. */
async function commandsOf(run: () => Promise<unknown>): Promise<number> {
  await client.config("RESETSTAT");
  await run();
  const stats = (await client.info("commandstats")).matchAll(/:calls=(\d+)/g);
  return [...stats].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

async function work(backend: RQBackend, options = {}): Promise<void> {
  await (await backend.createWorker({ batch: true, queueNames: ["*"], ...options })).run();
}

describe("many queues", () => {
  it("are all served, without a look at each in every claim", async () => {
    const { backend } = openBackend({ queues: [] });
    await enqueueIn(2000);
    const commands = await commandsOf(() => work(backend));
    expect(await backend.counts()).toMatchObject({ READY: 0, SUCCESSFUL: 2000 });
    expect(commands).toBeLessThan(2000 * 50);
    await backend.close();
  }, 60_000);

  it("are served in the order of priorities and dues, across all of them", async () => {
    const { backend } = openBackend({ queues: [] });
    const order: number[] = [];
    const record = task({ name: "many-queues.record" }, (number: number) => {
      order.push(number);
    });
    for (let number = 0; number < 60; number++) {
      const queueName = `customer-${(number * 7) % 30}`;
      await record.using({ queueName, priority: number % 3 }).enqueue(number);
    }
    await work(backend, { concurrency: 1 });
    const expected = Array.from({ length: 60 }, (_, number) => number);
    expect(order).toEqual(expected.toSorted((a, b) => (b % 3) - (a % 3) || a - b));
    await backend.close();
  });

  it("that are paused cost claims nothing once they were met, and go on when they are resumed", async () => {
    const { backend, prefix } = openBackend({ queues: [] });
    await enqueueIn(60, 10);
    for (let number = 0; number < 60; number++) await backend.pause(`customer-${number}`);
    await note.using({ queueName: "last" }).enqueue(1);
    await work(backend);
    expect(await backend.counts()).toMatchObject({ READY: 60, SUCCESSFUL: 1 });
    expect(await client.zcard(`{${prefix}}:@ready`)).toBe(0);
    await backend.resume("customer-7");
    await work(backend);
    expect(await backend.counts()).toMatchObject({ READY: 59, SUCCESSFUL: 2 });
    // As a button of BullMQ's tools does.
    await client.hdel(`{${prefix}}:customer-8:meta`, "paused");
    const worker = await backend.createWorker({ queueNames: ["*"], intervalMs: 5 });
    const done = worker.run();
    await expect
      .poll(() => backend.counts(), { timeout: 20_000 })
      .toMatchObject({ READY: 58, SUCCESSFUL: 3 });
    await worker.stop();
    await done;
    await backend.close();
  }, 60_000);

  it("are all looked at for what BullMQ's tools changed when a worker is idle", async () => {
    const { backend } = openBackend({ queues: [] });
    await enqueueIn(400);
    await work(backend);
    const failed = await fail.using({ queueName: "customer-7" }).enqueue();
    await work(backend);
    const worker = await backend.createWorker({ queueNames: ["*"] });
    const done = worker.run();
    const queue = await backend.bullQueue("customer-7");
    await (await queue.getJob(failed.id))!.retry("failed");
    // The usual intervalMs, twice, and half a second for a busy machine.
    await expect
      .poll(() => failed.refresh(), { timeout: 2500 })
      .toMatchObject({ attempts: 2, status: "FAILED" });
    await worker.stop();
    await done;
    await queue.close();
    await backend.close();
  }, 30_000);

  it("may be excluded, and named in any number", async () => {
    const { backend } = openBackend({ queues: [] });
    await enqueueIn(50);
    await note.using({ queueName: "last", runAfter: { milliseconds: 1 } }).enqueue(1);
    const excludeQueues = Array.from({ length: 25 }, (_, number) => `customer-${number}`);
    await work(backend, { excludeQueues });
    expect(await backend.counts()).toMatchObject({ READY: 25 });
    await work(backend, { queueNames: excludeQueues.slice(0, 24) });
    expect(await backend.counts()).toMatchObject({ READY: 1 });
    await work(backend, { queueNames: ["customer-24"] });
    expect(await backend.counts()).toMatchObject({ READY: 0 });
    await backend.close();
  });
});

describe("ready tasks that no worker knows", () => {
  const stranger = "many-queues.stranger";

  /** Tasks of a name that this process does not know, in front of all others. */
  async function enqueueStrangers(count: number, prefix: string): Promise<void> {
    const results = await other
      .using({ priority: 50 })
      .enqueueMany(Array.from({ length: count }, () => [] as []));
    const pipeline = client.pipeline();
    for (const { id } of results) pipeline.hset(`{${prefix}}:default:${id}`, "name", stranger);
    await pipeline.exec();
  }

  it("are met once, and slow no later claim", async () => {
    const { backend, prefix } = openBackend();
    await enqueueStrangers(20_000, prefix);
    await note.enqueue(1);
    await work(backend, { queueNames: ["default"] });
    expect(await backend.counts()).toMatchObject({ READY: 20_000, SUCCESSFUL: 1 });
    for (let number = 0; number < 100; number++) await note.enqueue(number);
    const commands = await commandsOf(() => work(backend, { concurrency: 1 }));
    expect(await backend.counts()).toMatchObject({ READY: 20_000, SUCCESSFUL: 101 });
    expect(commands).toBeLessThan(100 * 100);
    await backend.close();
  }, 60_000);

  it.each([[["*"]], [["default"]]])(
    "are run, of all queues or %j, in their order by a worker that knows them",
    async (queueNames) => {
      const { backend, prefix } = openBackend();
      await enqueueStrangers(5, prefix);
      await work(backend, { queueNames });
      const order: string[] = [];
      const known = task({ name: `${stranger}-${queueNames.length}-${createId()}` }, () => {
        order.push("stranger");
      });
      const own = task({ name: `many-queues.own-${createId()}` }, () => {
        order.push("own");
      });
      await own.using({ priority: 60 }).enqueue();
      await own.enqueue();
      // The same that a deployment does that brings the task: its name is known from now on.
      const [aside] = await client.keys(`{${prefix}}:default:aside:*`);
      await client.rename(aside!, `{${prefix}}:default:aside:${known.name}`);
      await client.rename(`{${prefix}}:@ready:${stranger}`, `{${prefix}}:@ready:${known.name}`);
      await client.srem(`{${prefix}}:@aside`, stranger);
      await client.sadd(`{${prefix}}:@aside`, known.name);
      for (const id of await client.zrange(`{${prefix}}:default:waiting-children`, "0", "-1")) {
        await client.hset(`{${prefix}}:default:${id}`, "name", known.name);
      }
      await work(backend, { queueNames, concurrency: 1 });
      expect(order).toEqual(["own", ...Array.from({ length: 5 }, () => "stranger"), "own"]);
      expect(await client.keys(`{${prefix}}:*aside*`)).toEqual([]);
      expect(await client.keys(`{${prefix}}:*waiting-children*`)).toEqual([]);
      await backend.close();
    },
  );

  it("can be counted, listed, cancelled and deleted", async () => {
    const { backend, prefix } = openBackend();
    await enqueueStrangers(3, prefix);
    await work(backend);
    const [info] = await backend.queues();
    expect(info).toMatchObject({ name: "default", ready: 3 });
    expect(info!.oldestReadyMs).not.toBe(null);
    const { results } = await backend.list({ status: "READY" });
    expect(results).toHaveLength(3);
    expect(await backend.cancel(results[0]!.id)).toBe(true);
    expect(await backend.delete(results[1]!.id)).toBe(true);
    expect(await backend.counts()).toMatchObject({ READY: 1, FAILED: 1 });
    expect(await client.zcard(`{${prefix}}:default:waiting-children`)).toBe(1);
    expect(await client.zcard(`{${prefix}}:default:aside:${stranger}`)).toBe(1);
    await backend.close();
  });
});
