import { BackendUnavailable, configureTasks, DuplicateTask, task, taskLog } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";

import type { ScriptValue } from "../src/connection/redis-store.ts";
import { COMMIT, PUBLISH, REFUSED, STAGE } from "../src/scripts/enqueue.ts";
import { createFolder } from "./support/folder.ts";
import { openBackend, openStore } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";
import { createClient, keysOf } from "./support/redis.ts";
import { requestOf } from "./support/requests.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const client = createClient();

const echo = task({ name: "batches.echo" }, (text: string) => text);
const once = task(
  { name: "batches.once", unique: { key: (text: string) => text, scope: "until-finished" } },
  (text: string) => text,
);
const only = task(
  {
    name: "batches.only",
    unique: { key: (text: string) => text, scope: "until-finished", onConflict: "reject" },
  },
  (text: string) => text,
);

const calls = (count: number, text = "x"): [string][] =>
  Array.from({ length: count }, (_, index) => [`${index}${text}`]);

/** A request as scripts take it. */
function valuesOf(id: string): ScriptValue[] {
  return ["default", id, echo.name, '["x"]', 101, 3, "", "", "", "", "", 0, "", ""];
}

describe("a batch that is too large for one script", () => {
  it("is stored as a whole, in its order, and leaves nothing else behind", async () => {
    const { backend, prefix } = openBackend();
    const results = await echo.using({ runAfter: { hours: 1 } }).enqueueMany(calls(3000));
    expect(new Set(results.map(({ enqueuedAt }) => enqueuedAt.getTime())).size).toBe(1);
    const listed = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await backend.list({ limit: 1000, cursor: cursor ?? undefined });
      listed.push(...page.results);
      cursor = page.nextCursor;
    }
    expect(listed.map(({ id }) => id).toReversed()).toEqual(results.map(({ id }) => id));
    const read = listed.at(-1)!;
    expect([read.args, read.enqueuedAt, read.runAfter]).toEqual([
      results[0]!.args,
      results[0]!.enqueuedAt,
      results[0]!.runAfter,
    ]);
    expect(await keysOf(client, `{${prefix}}:@batch`)).toEqual([]);
    await backend.close();
  }, 30_000);

  it("is bounded by bytes, too", async () => {
    const { backend } = openBackend();
    await echo.enqueueMany(calls(30, "x".repeat(500_000)));
    expect((await backend.counts()).READY).toBe(30);
    await (await backend.createWorker({ batch: true })).run();
    expect((await backend.counts()).SUCCESSFUL).toBe(30);
    await backend.close();
  }, 30_000);

  it("stores nothing when a part is refused", async () => {
    const server = await RedisServer.start(folder.path("full"));
    const admin = new Redis(server.url);
    const backend = new RQBackend({ url: server.url });
    configureTasks({ backends: { default: backend } });
    onTestFinished(async () => {
      await backend.close();
      admin.disconnect();
    });
    await echo.enqueue("before");
    const used = Number(/used_memory:(\d+)/.exec(await admin.info("memory"))![1]);
    await admin.config("SET", "maxmemory", used + 2_000_000);
    const batch = echo.enqueueMany(calls(5000, "x".repeat(1000)));
    await expect(batch).rejects.toBeInstanceOf(BackendUnavailable);
    expect(await backend.counts()).toMatchObject({ READY: 1 });
    expect(await keysOf(admin, "@batch")).toEqual([]);
  }, 30_000);

  it("is refused in one piece for the sake of one id that a job of BullMQ's has", async () => {
    const { backend, prefix } = openBackend();
    const store = openStore(prefix);
    await client.hset(`{${prefix}}:default:taken`, "name", "job");
    expect(await store.run(STAGE, ["b", "", ...valuesOf("taken")])).toEqual([
      0,
      "default",
      "taken",
    ]);
    await backend.close();
  });

  it("is published by a worker when its caller ends after it was made certain", async () => {
    const { backend, prefix } = openBackend();
    const store = openStore(prefix);
    const values = Array.from({ length: 600 }, (_, index) => valuesOf(`id-${index}`));
    await store.run(STAGE, ["b", "", ...values.flat()]);
    expect(await store.run(COMMIT, ["b", 600])).toBeGreaterThan(0);
    expect(await store.run(PUBLISH, ["b"])).toBe(350);
    expect((await backend.counts()).READY).toBe(250);
    const worker = await backend.createWorker();
    const done = worker.run();
    await expect
      .poll(() => backend.counts(), { timeout: 20_000 })
      .toMatchObject({ READY: 0, RUNNING: 0, SUCCESSFUL: 600 });
    await worker.stop();
    await done;
    expect(await keysOf(client, `{${prefix}}:@batch`)).toEqual([]);
    await backend.close();
  }, 30_000);
});

it("a large batch of unique tasks is given what exists, and stores the rest", async () => {
  const { backend, prefix } = openBackend();
  const before = await once.enqueue("7x");
  const given = await echo.using({ id: "given" }).enqueue("given");
  // The same key twice in a batch, one held before it, and one that its own first task holds.
  const results = await once.enqueueMany([...calls(2500), ["7x"], ["2400x"]]);
  expect(results.filter(({ deduplicated }) => deduplicated).map(({ id }) => id)).toEqual([
    before.id,
    before.id,
    results[2400]!.id,
  ]);
  expect(results[7]!.enqueuedAt).toEqual(before.enqueuedAt);
  expect((await backend.counts()).READY).toBe(2501);
  const requests = calls(1500).map((args, index) =>
    requestOf({
      id: index === 1400 ? "given" : `id-${index}`,
      taskName: echo.name,
      args,
      argsJson: JSON.stringify(args),
    }),
  );
  const named = await backend.enqueueMany(requests);
  expect(named.filter(({ deduplicated }) => deduplicated)).toMatchObject([
    { record: { id: given.id, args: ["given"] } },
  ]);
  expect((await backend.counts()).READY).toBe(2501 + 1499);
  expect(await keysOf(client, `{${prefix}}:@batch`)).toEqual([]);
  await backend.close();
}, 60_000);

it("a large batch that a worker publishes answers its caller which requests were refused", async () => {
  const { backend, prefix } = openBackend();
  const store = openStore(prefix);
  const before = await once.using({ runAfter: { hours: 1 } }).enqueue("0x");
  const unique = (key: string): ScriptValue[] => [key, "until-finished", 0, "", ""];
  const values = ["0x", "1x"].map((key) => [...valuesOf(`id-${key}`).slice(0, 9), ...unique(key)]);
  const [held] = await keysOf(client, `{${prefix}}:@unique`);
  values[0]![9] = held!.slice(held!.indexOf("@unique:") + 8);
  await store.run(STAGE, ["b", "", ...values.flat()]);
  await store.run(COMMIT, ["b", 2]);
  const worker = await backend.createWorker();
  const done = worker.run();
  await expect
    .poll(() => backend.counts(), { timeout: 20_000 })
    .toMatchObject({ READY: 1, SUCCESSFUL: 1 });
  await worker.stop();
  await done;
  expect(await store.run(REFUSED, ["b"])).toEqual(["0", "default", before.id]);
  expect(await store.run(REFUSED, ["b"])).toEqual([]);
  await backend.close();
});

describe("a large batch of tasks that may be rejected", () => {
  it("is stored in parts, and rejected as a whole for one key", async () => {
    const { backend, prefix } = openBackend();
    const results = await only.enqueueMany(calls(2000));
    expect(results.some(({ deduplicated }) => deduplicated)).toBe(false);
    const others = calls(2000, "y");
    await expect(only.enqueueMany([...others, ["1999x"]])).rejects.toMatchObject({
      existingId: results[1999]!.id,
    });
    await expect(only.enqueueMany([...others, ["0y"]])).rejects.toThrow(DuplicateTask);
    expect((await backend.counts()).READY).toBe(2000);
    expect(await keysOf(client, `{${prefix}}:@unique`)).toHaveLength(2000);
    // What a rejected batch had taken is free.
    expect(await only.enqueueMany(others)).toHaveLength(2000);
    expect((await backend.counts()).READY).toBe(4000);
    expect(await keysOf(client, `{${prefix}}:@batch`)).toEqual([]);
    expect(await keysOf(client, `{${prefix}}:@reserved`)).toEqual([]);
    await (await backend.createWorker({ batch: true, concurrency: 50 })).run();
    expect((await backend.counts()).SUCCESSFUL).toBe(4000);
    expect(await keysOf(client, `{${prefix}}:@unique`)).toEqual([]);
    await backend.close();
  }, 60_000);

  it("holds its keys from the moment it is certain, also before its tasks are there", async () => {
    const { backend, prefix } = openBackend();
    const store = openStore(prefix);
    const { existing, storedKey } = await keyOf("7x", prefix);
    await backend.delete(existing.id);
    const values = [...valuesOf("id-7").slice(0, 9), storedKey, "until-finished", 0, "reject", ""];
    await store.run(STAGE, ["b", "reject", ...values]);
    expect(await store.run(COMMIT, ["b", 1])).toBeGreaterThan(0);
    await expect(only.enqueue("7x")).rejects.toMatchObject({ existingId: "id-7" });
    await expect(only.enqueueMany([["6x"], ["7x"]])).rejects.toThrow(DuplicateTask);
    await expect(only.enqueueMany([...calls(2000)])).rejects.toMatchObject({ existingId: "id-7" });
    expect(await store.run(PUBLISH, ["b"])).toBe(0);
    expect(await backend.counts()).toMatchObject({ READY: 1 });
    await expect(only.enqueue("7x")).rejects.toMatchObject({ existingId: "id-7" });
    await (await backend.createWorker({ batch: true })).run();
    expect((await only.enqueue("7x")).deduplicated).toBe(false);
    expect(await keysOf(client, `{${prefix}}:@reserved`)).toEqual([]);
    await backend.close();
  });

  it("gives back the key of a task whose id was taken before it was published", async () => {
    const { backend, prefix } = openBackend();
    const store = openStore(prefix);
    const { existing, storedKey } = await keyOf("7x", prefix);
    await backend.delete(existing.id);
    const unique = [storedKey, "until-finished", 0, "reject", "given"];
    await store.run(STAGE, ["b", "reject", ...valuesOf("mine").slice(0, 9), ...unique]);
    await store.run(COMMIT, ["b", 1]);
    await echo.using({ id: "mine" }).enqueue("x");
    expect(await store.run(PUBLISH, ["b"])).toBe(0);
    expect((await only.enqueue("7x")).deduplicated).toBe(false);
    await backend.close();
  });

  /** A task of this key, and the key as scripts take it. */
  async function keyOf(text: string, prefix: string) {
    const existing = await only.enqueue(text);
    const [held] = await keysOf(client, `{${prefix}}:@unique`);
    return { existing, storedKey: held!.slice(held!.indexOf("@unique:") + 8) };
  }
});
