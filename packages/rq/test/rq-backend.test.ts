import { connect, type Socket } from "node:net";

import {
  BackendUnavailable,
  createId,
  InvalidTask,
  InvalidOption,
  task,
  taskLog,
  TaskResultDoesNotExist,
  type TaskRecord,
} from "@tasks/core";
import type { ClaimRequest, QueueWorker, WorkerSession } from "@tasks/core/worker";
import { afterCommit, RQBackend } from "@tasks/rq";
import { AbstractConnector, Cluster, Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { ENQUEUE } from "../src/scripts/enqueue.ts";
import { createFolder } from "./support/folder.ts";
import { openBackend, openStore } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";
import { createClient, keysOf, redisUrl } from "./support/redis.ts";
import { requestOf } from "./support/requests.ts";

taskLog.connect(() => undefined);
const client = createClient();
const folder = createFolder();
/** A client whose options hold a function that decides where it connects to. */
const unusual = new Cluster([{ host: "127.0.0.1", port: 1 }], {
  lazyConnect: true,
  dnsLookup: (address, callback) => callback(null, address),
});

/** What connects in a way of its own. */
const tunnelTo = (port: number): new () => AbstractConnector =>
  class extends AbstractConnector {
    constructor() {
      super(1000);
    }

    connect(): Promise<Socket> {
      const stream = connect(port, "127.0.0.1");
      this.stream = stream;
      return Promise.resolve(stream);
    }
  };

const echo = task({ name: "rq-backend.echo" }, (text: string) => text);
const fail = task({ name: "rq-backend.fail" }, (): null => {
  throw new Error("on purpose");
});

async function drain(backend: RQBackend): Promise<void> {
  await (await backend.createWorker({ batch: true, queueNames: ["*"] })).run();
}

/** Claims as a worker of its own would. */
async function claim(
  backend: RQBackend,
  { limit, queueNames }: Pick<ClaimRequest, "limit" | "queueNames">,
): Promise<readonly TaskRecord[]> {
  const { store } = (await backend.createWorker()) as QueueWorker;
  const session: WorkerSession = {
    sessionId: createId(),
    workerId: "w",
    queueNames,
    concurrency: 1,
    leaseMs: 60_000,
  };
  await store.register(session);
  const request = { session, limit, queueNames, excludeQueues: [], taskNames: [echo.name] };
  return (await store.claim(request)).map((claimed) => claimed.record());
}

describe("options", () => {
  it.each([
    ["neither url nor connection", {}],
    ["url and connection", { url: "redis://127.0.0.1", connection: client }],
    ["something that is no client", { connection: {} as Redis }],
    ["an address of something else", { url: "postgres://user:hunter2@127.0.0.1" }],
    ["no address", { url: "hunter2" }],
    ["a database that is no number", { url: "redis://:hunter2@127.0.0.1/tasks" }],
    ["a prefix with a brace", { url: "redis://127.0.0.1", prefix: "a{b}" }],
    ["a lease that is too short", { url: "redis://127.0.0.1", leaseMs: 99 }],
    ["a timeout of nothing", { url: "redis://127.0.0.1", commandTimeoutMs: 0 }],
    [
      "a thread for a client that it cannot have",
      { connection: unusual, heartbeat: "thread" as const },
    ],
  ])("refuses %s, and shows no password", (_what, options) => {
    const make = (): RQBackend => new RQBackend(options);
    expect(make).toThrow(InvalidOption);
    expect(make).not.toThrow(/hunter2/);
  });

  it("refuses options of unknown names with the nearest one", () => {
    const make = (): RQBackend => new RQBackend({ conection: client } as never);
    expect(make).toThrow(InvalidOption);
    expect(make).toThrow(
      'new RQBackend() does not know the option "conection". Did you mean "connection"?',
    );
  });

  it("refuses options that counts() does not know", async () => {
    await using backend = new RQBackend({ url: redisUrl() });
    const counting = backend.counts({ queue: "emails" } as never);
    await expect(counting).rejects.toThrow(
      new InvalidOption('counts() does not know the option "queue". It takes: queueName.'),
    );
  });

  it("refuses a client with a keyPrefix, which scripts cannot see", () => {
    const connection = new Redis({ lazyConnect: true, keyPrefix: "app:" });
    expect(() => new RQBackend({ connection })).toThrow(/keyPrefix \('app:'\)/);
  });

  it("says who cannot be reached, and no password", async () => {
    const backend = new RQBackend({ url: "redis://:hunter2@127.0.0.1:1" });
    const error: unknown = await backend.counts().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BackendUnavailable);
    expect(String(error)).toMatch(/ECONNREFUSED/);
    expect(String(error)).not.toMatch(/hunter2/);
    await backend.close();
  });

  it("says what to look at when the server does not speak TLS", async () => {
    const backend = new RQBackend({ url: redisUrl().replace("redis:", "rediss:") });
    await expect(backend.counts()).rejects.toThrow(/rediss:\/\/ asks for TLS/);
    await backend.close();
  });

  it("keep the tasks of two aliases apart", async () => {
    const { backend, prefix } = openBackend();
    const other = new RQBackend({ url: redisUrl(), prefix });
    other.alias = "second";
    const { id } = await echo.enqueue("mine");
    expect(await other.readRecord(id)).toBeUndefined();
    expect((await other.counts()).READY).toBe(0);
    await Promise.all([backend.close(), other.close()]);
  });
});

describe.each([
  ["ioredis 6", () => new Redis(redisUrl())],
  ["ioredis 6 with replies of RESP3", () => new Redis(redisUrl(), { replyMapping: "resp3" })],
  ["ioredis 5", () => new Redis5(redisUrl()) as unknown as Redis],
])("a client of one's own, %s", (_name, connect) => {
  it("serves enqueues, workers, waits and lists, and stays open", async () => {
    const connection = connect() as Redis;
    onTestFinished(() => connection.disconnect());
    const { backend } = openBackend({ connection });
    const worker = await backend.createWorker({ intervalMs: 60_000 });
    const running = worker.run();
    const result = await echo.enqueue("hello");
    await result.wait({ timeoutMs: 5000 });
    expect(result.returnValue).toBe("hello");
    expect((await backend.list()).results).toHaveLength(1);
    const queue = await backend.bullQueue("default");
    expect(await queue.getJobState(result.id)).toBe("completed");
    await queue.close();
    await worker.stop();
    await running;
    await backend.close();
    expect(await connection.ping()).toBe("PONG");
  });
});

describe("retention", () => {
  it("keeps finished results until they are pruned", async () => {
    const { backend } = openBackend();
    const { id } = await echo.enqueue("kept");
    await drain(backend);
    const keys = await client.keys(`*${id}*`);
    expect(keys).toHaveLength(1);
    expect(await client.ttl(keys[0]!)).toBe(-1);
    await backend.close();
  });

  it("of a worker deletes results of an age, failed ones of another, and never unfinished ones", async () => {
    const { backend } = openBackend();
    const done = await echo.enqueue("soon gone");
    const failed = await fail.enqueue();
    const later = await echo.using({ runAfter: { hours: 1 } }).enqueue("later");
    const retention = { minAgeMs: 0, failedMinAgeMs: 3_600_000, everyMs: 100 };
    const worker = await backend.createWorker({ retention });
    const running = worker.run();
    await vi.waitFor(async () => expect(await backend.readRecord(done.id)).toBeUndefined(), {
      timeout: 5000,
    });
    expect((await failed.refresh()).status).toBe("FAILED");
    expect((await later.refresh()).status).toBe("READY");
    await worker.stop();
    await running;
    await backend.close();
  });
});

describe("an enqueue that is sent twice", () => {
  it("stores its task once, whatever has become of it meanwhile", async () => {
    const { backend, prefix } = openBackend();
    const store = openStore(prefix);
    const id = createId();
    const given = requestOf({ id: "given-twice", queueName: "given", taskName: echo.name });
    const unique = ["rq-backend.twice", "until-finished", 0, "reject"];
    const values = ["default", id, echo.name, '["x"]', 101, 3, "", "", "", ...unique, ""];
    for (const [index, status] of ["READY", "SUCCESSFUL"].entries()) {
      for (const mode of ["each", "all"]) {
        // The time, and no conflict.
        expect(await store.run(ENQUEUE, [mode, ...values])).toEqual([expect.any(Number)]);
      }
      expect(await backend.enqueue(given)).toMatchObject({ deduplicated: index > 0 });
      expect(await backend.enqueueMany([given])).toMatchObject([{ deduplicated: true }]);
      expect((await backend.list({ queueName: "default" })).results).toHaveLength(1);
      expect((await backend.list({ queueName: "given" })).results).toHaveLength(1);
      if (status === "READY") await drain(backend);
      expect((await backend.getResult(id)).status).toBe("SUCCESSFUL");
    }
    expect((await backend.getResult(id)).attempts).toBe(1);
    await backend.close();
  });
});

describe("an id", () => {
  it("that is taken by something else is refused, and nothing of its batch is stored", async () => {
    const { backend, prefix } = openBackend();
    await echo.using({ runAfter: { hours: 1 } }).enqueue("so that there is a place of that name");
    for (const id of ["7", "invoice"]) {
      await client.hset(`{${prefix}}:default:${id}`, "name", "a job of BullMQ's");
    }
    const refused = {
      delayed: /Invalid id "delayed"/,
      "7": /Invalid id "7"/,
      invoice: /'invoice' is already used in queue 'default'/,
    };
    for (const [id, message] of Object.entries(refused)) {
      const request = requestOf({ id, taskName: echo.name });
      await expect(backend.enqueue(request)).rejects.toThrow(InvalidTask);
      const batch = backend.enqueueMany([requestOf({ taskName: echo.name }), request]);
      await expect(batch).rejects.toThrow(InvalidTask);
      await expect(batch).rejects.toThrow(message);
    }
    expect((await backend.counts()).READY).toBe(1);
    await backend.close();
  });

  it("that is the name of a key of BullMQ's is nobody's result", async () => {
    const { backend } = openBackend();
    await echo.enqueue("ready");
    await echo.using({ runAfter: { hours: 1 } }).enqueue("later");
    for (const id of ["prioritized", "delayed", "index", "active"]) {
      expect(await backend.readRecord(id)).toBeUndefined();
      await expect(backend.getResult(id)).rejects.toThrow(TaskResultDoesNotExist);
      await expect(backend.cancel(id)).rejects.toThrow(TaskResultDoesNotExist);
      await expect(backend.delete(id)).rejects.toThrow(TaskResultDoesNotExist);
    }
    await backend.close();
  });

  it("that no result could be found by is refused", async () => {
    const { backend } = openBackend();
    for (const id of ["a:b", "", "x".repeat(65), "{a}"]) {
      const request = requestOf({ id });
      await expect(backend.enqueue(request)).rejects.toThrow(InvalidTask);
      await expect(backend.enqueueMany([request])).rejects.toThrow(InvalidTask);
    }
    await backend.close();
  });
});

describe("a heap of tasks that no worker here knows", () => {
  it("hides none that waits behind it", async () => {
    const { backend } = openBackend();
    const unknown = Array.from({ length: 10_500 }, () => requestOf({ taskName: "elsewhere" }));
    await backend.enqueueMany(unknown);
    const known = await echo.enqueueMany([["first"], ["second"]]);
    await drain(backend);
    for (const result of known) expect((await result.refresh()).status).toBe("SUCCESSFUL");
    expect((await backend.counts()).READY).toBe(10_500);
    await backend.close();
  }, 30_000);
});

describe("a claim", () => {
  it("takes what runs first of all queues", async () => {
    const { backend } = openBackend({ queues: [] });
    const queueNames = Array.from({ length: 20 }, (_, number) => `q${number}`);
    for (const [number, queueName] of queueNames.entries()) {
      for (const priority of [number, -number]) {
        await echo.using({ queueName, priority }).enqueue(`${priority}`);
      }
    }
    const claimed = await claim(backend, { limit: 6, queueNames: ["*"] });
    expect(claimed.map(({ args }) => Number(args[0]))).toEqual([19, 18, 17, 16, 15, 14]);
    await backend.close();
  });

  it("takes the most urgent of thousands that fell due at once", async () => {
    const { backend } = openBackend({ queues: [] });
    const queueNames = ["a", "b", "c"];
    const runAfter = new Date(Date.now() + 1500);
    for (const queueName of queueNames) {
      const calls = Array.from({ length: 1500 }, () => ["ordinary"] as [string]);
      await echo.using({ queueName, runAfter }).enqueueMany(calls);
    }
    const urgent = await echo
      .using({ queueName: "c", runAfter, priority: 1 })
      .enqueueMany([["all"], ["named"]]);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(runAfter.getTime()), 5000);
    const claimed = [
      ...(await claim(backend, { limit: 1, queueNames: ["*"] })),
      ...(await claim(backend, { limit: 1, queueNames })),
    ];
    expect(claimed.map(({ id }) => id)).toEqual(urgent.map(({ id }) => id));
    await backend.close();
  }, 20_000);

  it("of large tasks takes fewer at once", async () => {
    const { backend } = openBackend();
    const large = "x".repeat(1_000_000);
    for (let number = 0; number < 30; number++) await echo.enqueue(large);
    const first = await claim(backend, { limit: 100, queueNames: ["default"] });
    expect(first.length).toBeGreaterThan(10);
    expect(first.length).toBeLessThan(20);
    const rest = await claim(backend, { limit: 100, queueNames: ["default"] });
    expect(first.length + rest.length).toBe(30);
    await backend.close();
  }, 20_000);
});

describe("large batches", () => {
  it("are stored as a whole", async () => {
    const { backend } = openBackend();
    const calls = (count: number): [string][] => Array.from({ length: count }, () => ["x"]);
    expect(await echo.enqueueMany(calls(20_000))).toHaveLength(20_000);
    expect((await backend.counts()).READY).toBe(20_000);
    await backend.close();
  }, 30_000);
});

describe("a list", () => {
  it("goes on through results that were deleted, and of queues that ran empty", async () => {
    const { backend } = openBackend({ queues: [] });
    const results = await echo.enqueueMany(
      Array.from({ length: 300 }, (_, number) => [String(number)] as [string]),
    );
    for (const result of results.slice(100, 230)) await backend.delete(result.id);
    await echo.enqueue("300");
    const expected = ["300"];
    for (let number = 299; number >= 0; number--) {
      if (number < 100 || number >= 230) expected.push(String(number));
    }
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await backend.list({ limit: 7, cursor });
      seen.push(...page.results.map(({ args }) => args[0]));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(expected);
    await drain(backend);
    expect(await backend.prune({ minAgeMs: 0 })).toBe(171);
    await echo.enqueue("again");
    expect((await backend.list()).results.map(({ args }) => args[0])).toEqual(["again"]);
    await backend.close();
  });

  it("of large results comes in answers that neither side has to hold whole", async () => {
    const { backend } = openBackend();
    const large = "x".repeat(500_000);
    const results = await Promise.all(Array.from({ length: 12 }, () => echo.enqueue(large)));
    const { results: listed, nextCursor } = await backend.list({ limit: 12 });
    expect(listed.map(({ id }) => id).toSorted()).toEqual(results.map(({ id }) => id).toSorted());
    expect(nextCursor).toBeNull();
    await backend.close();
  });
});

describe("keys", () => {
  it("are gone when the last result is, but the one that counts", async () => {
    const { backend, prefix } = openBackend();
    await echo.enqueueMany(Array.from({ length: 200 }, () => ["x"] as [string]));
    const failed = await fail.enqueue();
    await drain(backend);
    await backend.prune({ minAgeMs: 0, failedMinAgeMs: 3_600_000 });
    await backend.delete(failed.id);
    const root = `{${prefix}}`;
    // The mark of a session that ended is gone after a minute.
    const keys = (await keysOf(client, root)).filter((key) => !key.includes(":@ended:"));
    expect(keys).toEqual([`${root}:@sequence`]);
    await backend.close();
  });

  it("of one backend all share a hash tag, so that a cluster keeps them on one node", async () => {
    const { backend, prefix } = openBackend({ queues: [] });
    const unique = { scope: "until-finished", key: () => "{other}tag" } as const;
    const single = task({ name: "rq-backend.single", unique }, (text: string) => text);
    await single.using({ queueName: "a" }).enqueue("1");
    await echo.using({ queueName: "b", runAfter: { hours: 1 } }).enqueue("2");
    await fail.enqueue();
    await drain(backend);
    const keys = await client.keys(`*${prefix}*`);
    expect(keys.length).toBeGreaterThan(5);
    for (const key of keys) expect(key.startsWith(`{${prefix}}:`)).toBe(true);
    await backend.close();
  });
});

describe("damaged jobs", () => {
  it("hide no others, hold up nobody, and run with no arguments that nobody enqueued", async () => {
    const { backend, prefix } = openBackend();
    const damages: readonly (readonly [string, string])[] = [
      ["data", "{not json"],
      ["data", '{"an":"object"}'],
      ["priority", "high"],
      ["workers", "[1,{"],
      ["errors", "7"],
      ["metadata", "[]"],
      ["timestamp", "yesterday"],
      ["maxLost", "many"],
    ];
    const damaged = [];
    for (const [field, value] of damages) {
      const { id } = await echo.enqueue("victim");
      await client.hset(`{${prefix}}:default:${id}`, field, value);
      damaged.push(id);
    }
    const healthy = await echo.enqueue("healthy");
    expect((await backend.list()).results).toHaveLength(damages.length + 1);
    await drain(backend);
    expect((await healthy.refresh()).returnValue).toBe("healthy");
    const results = await Promise.all(damaged.map((id) => backend.getResult(id)));
    expect(results.slice(0, 2).map(({ status }) => status)).toEqual(["FAILED", "FAILED"]);
    expect(results[0]!.errors[0]!.message).toMatch(/arguments are damaged/);
    for (const result of results.slice(2)) expect(result.status).toBe("SUCCESSFUL");
    await backend.close();
  });
});

describe("afterCommit()", () => {
  it("gives back what the transaction gave, and enqueues all its tasks", async () => {
    const { backend } = openBackend();
    const outcome = await afterCommit(async (transaction) => {
      await echo.using({ transaction }).enqueue("one");
      await echo.using({ transaction }).enqueueMany([["two"], ["three"]]);
      expect((await backend.counts()).READY).toBe(0);
      return "committed";
    });
    expect(outcome).toBe("committed");
    expect((await backend.counts()).READY).toBe(3);
    await backend.close();
  });

  it("enqueues nothing when the transaction is rolled back, nor in one that is over", async () => {
    const { backend } = openBackend();
    let late: unknown;
    const rolledBack = afterCommit(async (transaction) => {
      late = transaction;
      await echo.using({ transaction }).enqueue("dropped");
      throw new Error("roll back");
    });
    await expect(rolledBack).rejects.toThrow("roll back");
    await expect(echo.using({ transaction: late }).enqueue("late")).rejects.toThrow(InvalidTask);
    expect((await backend.counts()).READY).toBe(0);
    await backend.close();
  });

  it("counts a delay from the call of enqueue, not from the commit", async () => {
    const { backend } = openBackend();
    const { id, runAfter } = await afterCommit(async (transaction) => {
      const result = await echo.using({ transaction, runAfter: { minutes: 1 } }).enqueue("soon");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return result;
    });
    const stored = await backend.getResult(id);
    expect(Math.abs(stored.runAfter!.getTime() - runAfter!.getTime())).toBeLessThan(1000);
    await backend.close();
  });
});

describe("check()", () => {
  it("warns of settings by which the server loses tasks, and says what to set", async () => {
    const extra = ["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"];
    const server = await RedisServer.start(folder.path(createId()), ...extra);
    const { backend } = openBackend({ url: server.url });
    const messages = await backend.check();
    expect(messages).toMatchObject([
      {
        level: "warning",
        id: "tasks.rq.W001",
        hint: expect.stringContaining("appendonly yes") as string,
      },
      {
        level: "error",
        id: "tasks.rq.E002",
        hint: expect.stringContaining("noeviction") as string,
      },
    ]);
    await server.kill();
    expect(await backend.check()).toMatchObject([{ level: "error", id: "tasks.rq.E001" }]);
    await backend.close();
  });

  it("is content with a durable server, and warns of a lease that is renewed from the event loop unasked", async () => {
    const server = await RedisServer.start(folder.path(createId()));
    const { backend } = openBackend({ url: server.url });
    expect(await backend.check()).toEqual([]);
    const plain = new Redis(server.url);
    const carried = new RQBackend({ connection: plain });
    expect(await carried.check()).toEqual([]);
    const connection = new Redis({ Connector: tunnelTo(server.port) });
    const unasked = new RQBackend({ connection });
    expect(await unasked.check()).toMatchObject([{ level: "warning", id: "tasks.rq.W003" }]);
    const asked = new RQBackend({ connection, heartbeat: "timer" });
    expect(await asked.check()).toEqual([]);
    for (const each of [backend, carried, unasked, asked]) await each.close();
    for (const each of [plain, connection]) each.disconnect();
  });
});
