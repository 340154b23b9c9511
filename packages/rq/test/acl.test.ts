import { readFileSync } from "node:fs";

import {
  BackendUnavailable,
  configureTasks,
  createId,
  task,
  taskLog,
  type CheckMessage,
} from "@tasks/core";
import { RQBackend, type RQBackendOptions } from "@tasks/rq";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const server = await RedisServer.start(folder.path("acl"));
const admin = new Redis(server.url);
afterAll(() => admin.disconnect());
const docs = readFileSync(new URL("../../../docs/redis.md", import.meta.url), "utf8");

const echo = task({ name: "acl.echo", takesContext: true }, async (context, text: string) => {
  await context.setProgress(1);
  context.log.info(text);
  return text;
});
const unique = task(
  { name: "acl.unique", unique: { scope: { windowMs: 60_000 }, onConflict: "return-existing" } },
  () => 1,
);
const fail = task({ name: "acl.fail" }, (): null => {
  throw new Error("on purpose");
});

/** The rules of a user in the docs. */
function documented(name: string): readonly string[] {
  const line = new RegExp(`^ACL SETUSER ${name} (.*)$`, "m").exec(docs)?.[1];
  if (line === undefined) throw new Error(`The docs have no user '${name}'.`);
  return line.split(" ");
}

const everything = ["on", ">secret", "~*", "&*", "+@all"];

async function open(
  rules: readonly string[],
  options: Omit<RQBackendOptions, "url"> = {},
): Promise<{ readonly backend: RQBackend; readonly user: string }> {
  const user = `u${createId()}`;
  await admin.call("ACL", "SETUSER", user, ...rules);
  const url = server.url.replace("//", `//${user}:secret@`);
  const backend = new RQBackend({ url, leaseMs: 1000, ...options });
  configureTasks({ backends: { default: backend } });
  onTestFinished(() => backend.close());
  return { backend, user };
}

async function errorOf(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BackendUnavailable);
  return error as Error;
}

const lackOf = (messages: readonly CheckMessage[]): string | undefined =>
  messages.find(({ id }) => id === "tasks.rq.W006" || id === "tasks.rq.E003")?.text;

async function work(backend: RQBackend): Promise<void> {
  await (await backend.createWorker({ batch: true })).run();
}

describe("the users of the docs", () => {
  it("the enqueuer enqueues", async () => {
    const { backend } = await open(documented("enqueuer"));
    await echo.enqueue("one");
    await echo.using({ priority: 5, runAfter: { hours: 1 } }).enqueue("late");
    await echo.enqueueMany([["two"], ["three"]]);
    await echo.enqueueMany(Array.from({ length: 1200 }, () => ["many"] as [string]));
    const { id } = await unique.enqueue();
    expect((await unique.enqueue()).id).toBe(id);
    await errorOf(backend.counts());
    expect(lackOf(await backend.check())).toMatch(/to work: H.*SUBSCRIBE; to read and wait: H/);
    await admin.flushdb();
  });

  it("the worker works, renews its lease, waits, prunes, pauses, cancels, retries and deletes", async () => {
    const { backend, user } = await open(documented("worker"), { queues: [] });
    expect(lackOf(await backend.check())).toBe(undefined);
    const worker = await backend.createWorker({ workerId: user });
    const done = worker.run();
    const one = await echo.enqueue("worked");
    await one.wait({ timeoutMs: 10_000 });
    expect(one.logs).toHaveLength(1);
    const failed = await fail.enqueue();
    await failed.wait({ timeoutMs: 10_000 });
    expect(await backend.retry(failed.id)).toBe(true);
    await failed.wait({ timeoutMs: 10_000 });
    const late = await echo.using({ runAfter: { hours: 1 } }).enqueue("late");
    expect(await backend.cancel(late.id)).toBe(true);
    expect(await backend.delete(late.id)).toBe(true);
    await backend.pause("acl");
    await backend.resume("acl");
    const isPastItsFirstLease = async (): Promise<boolean> => {
      const info = (await backend.workers()).find(({ workerId }) => workerId === user)!;
      return info.alive && Date.now() - info.startedAt.getTime() > 1500;
    };
    await expect.poll(isPastItsFirstLease, { timeout: 10_000 }).toBe(true);
    await worker.stop();
    await done;
    expect(await backend.prune({ minAgeMs: 0 })).toBeGreaterThan(0);
  });

  it("the monitor reads, lists, counts and waits, and changes nothing", async () => {
    const { backend: owner } = await open(everything);
    const result = await echo.enqueue("read");
    const late = await echo.using({ runAfter: { hours: 1 } }).enqueue("late");
    const { backend } = await open(documented("monitor"));
    const read = await backend.getResult(result.id);
    expect((await backend.list()).results.length).toBeGreaterThanOrEqual(2);
    expect((await backend.counts()).READY).toBeGreaterThanOrEqual(2);
    expect((await backend.queues()).length).toBeGreaterThanOrEqual(1);
    await backend.workers();
    const waited = read.wait({ timeoutMs: 10_000 });
    await work(owner);
    await waited;
    expect(read.returnValue).toBe("read");
    await errorOf(echo.enqueue("x"));
    await errorOf(backend.cancel(late.id));
    await errorOf(backend.delete(late.id));
    expect((await late.refresh()).status).toBe("READY");
  });
});

describe("a batch worker", () => {
  const batchOf = async (url: string): Promise<Error> => {
    const backend = new RQBackend({ url });
    configureTasks({ backends: { default: backend } });
    onTestFinished(() => backend.close());
    return errorOf(work(backend));
  };

  it.each([
    ["no password", async () => server.url.replace("//", "//nobody:@"), /WRONGPASS/],
    ["a database that is not there", async () => `${server.url}/99`, /DB index/],
    ["a missing right", async () => urlOf(["-hset"]), /may not run HSET/],
    ["no right to run scripts", async () => urlOf(["-@scripting"]), /evalsha/],
    ["no right to say hello", async () => urlOf(["-@all"]), /NOPERM/],
    ["a user who may not sign in", async () => urlOf(["off"]), /WRONGPASS/],
  ])("ends with an error that is permanent: %s", async (_what, url, message) => {
    const error = await batchOf(await url());
    expect(error).toMatchObject({ isPermanent: true });
    expect(error.message).toMatch(message);
  });

  it("is told that a password is needed", async () => {
    const closed = await RedisServer.start(folder.path("closed"));
    await new Redis(closed.url).config("SET", "requirepass", "secret");
    const error = await batchOf(closed.url);
    expect(error).toMatchObject({ isPermanent: true });
    expect(error.message).toMatch(/NOAUTH/);
  });

  async function urlOf(rules: readonly string[]): Promise<string> {
    const user = `u${createId()}`;
    await admin.call("ACL", "SETUSER", user, ...everything, ...rules);
    return server.url.replace("//", `//${user}:secret@`);
  }
});

describe("a user who lacks a right", () => {
  const without = (...rules: string[]): readonly string[] => [...everything, ...rules];

  it.each([
    ["PUBLISH", ["-publish"]],
    ["PUBLISH", ["resetchannels"]],
    ["ZADD", ["-zadd"]],
    ["TIME", ["-time"]],
    ["SADD", ["-sadd"]],
  ])("is told that it is %s (%j), and nothing is stored", async (command, rules) => {
    const prefix = createId();
    const { backend, user } = await open(without(...rules), { prefix });
    for (const enqueue of [() => echo.enqueue("x"), () => echo.enqueueMany([["a"], ["b"]])]) {
      const { message } = await errorOf(enqueue());
      expect(message).toMatch(`The Redis user '${user}'`);
      expect(message).toMatch(`may not run ${command}.`);
      expect(message).toMatch(`+${command.toLowerCase()}`);
    }
    expect(lackOf(await backend.check())).toMatch(command);
    const { backend: owner } = await open(everything, { prefix });
    expect(await owner.counts()).toMatchObject({ READY: 0 });
  });

  it("completes nothing by half: the outcome is stored when the right is granted", async () => {
    const { backend, user } = await open(without("resetchannels"));
    const { backend: owner } = await open(everything);
    const result = await echo.enqueue("granted later");
    const worker = await backend.createWorker();
    const done = worker.run();
    await expect.poll(() => owner.workers(), { timeout: 10_000 }).not.toEqual([]);
    await expect
      .poll(async () => (await result.refresh()).status, { timeout: 10_000 })
      .toBe("RUNNING");
    await admin.call("ACL", "SETUSER", user, "&*");
    await result.wait({ timeoutMs: 10_000 });
    expect(result.returnValue).toBe("granted later");
    expect(result.attempts).toBe(1);
    await worker.stop();
    await done;
  });

  it("is told so when it may run no scripts at all", async () => {
    const { backend } = await open(without("-@scripting"));
    const { message } = await errorOf(echo.enqueue("x"));
    expect(message).toMatch(/evalsha.*Grant it to the user of the connection with ACL SETUSER/);
    expect(await backend.check()).toMatchObject([
      { level: "error", id: "tasks.rq.E003", text: expect.stringMatching(/evalsha/), hint: null },
    ]);
  });

  it("is told so when it is taken away while it works", async () => {
    const { backend, user } = await open(everything);
    await echo.enqueue("x");
    const { READY } = await backend.counts();
    await admin.call("ACL", "SETUSER", user, "-hset");
    await errorOf(echo.enqueue("y"));
    expect((await errorOf(echo.enqueue("z"))).message).toMatch(/may not run HSET/);
    expect(await backend.counts()).toMatchObject({ READY });
  });
});
