import {
  DummyBackend,
  ImmediateBackend,
  DuplicateTask,
  InvalidTask,
  MemoryBackend,
  PayloadTooLarge,
  task,
  taskEnqueued,
  withBackends,
  type BackendSupports,
} from "@tasks/core";
import { describe, expect, it } from "vitest";

import { PartialBackend } from "./support/partial-backend.ts";

describe("what the backend must be able to do", () => {
  const plain = task({ name: "enqueue.plain" }, () => null);
  const cases: [
    Partial<BackendSupports>,
    { enqueue(): Promise<unknown>; enqueueMany(calls: []): Promise<unknown> },
    string,
  ][] = [
    [
      { priority: false },
      plain.using({ priority: 10 }),
      "Backend does not support setting priority of tasks.",
    ],
    [{ defer: false }, plain.using({ runAfter: new Date() }), "Backend does not support runAfter."],
    [
      { asyncTask: false },
      task({ name: "enqueue.async" }, async () => null),
      "Backend does not support async Tasks.",
    ],
    [
      { retry: false },
      task({ name: "enqueue.retry", maxAttempts: 2 }, () => null),
      "Backend does not support retry (maxAttempts).",
    ],
    [
      { timeout: false },
      task({ name: "enqueue.timeout", timeoutMs: 1 }, () => null),
      "Backend does not support timeout (timeoutMs).",
    ],
    [
      { unique: false },
      task({ name: "enqueue.unique", unique: { scope: "until-started" } }, () => null),
      "Backend does not support unique tasks (unique).",
    ],
    [
      { concurrency: false },
      task({ name: "enqueue.concurrency", concurrency: { limit: 1 } }, () => null),
      "Backend does not support concurrency limits (concurrency).",
    ],
    [
      { metadata: false },
      plain.using({ metadata: { a: 1 } }),
      "Backend does not support metadata.",
    ],
    [
      { transaction: false },
      plain.using({ transaction: {} }),
      "Backend does not support enqueueing in a transaction.",
    ],
  ];

  it.each(cases)(
    "without %j it refuses before anything is stored",
    async (supports, subject, message) => {
      const backend = new PartialBackend({
        defer: true,
        unique: true,
        concurrency: true,
        transaction: "atomic",
        ...supports,
      });
      await withBackends({ default: backend }, async () => {
        await expect(subject.enqueue()).rejects.toThrow(new InvalidTask(message));
        await expect(subject.enqueueMany([])).rejects.toThrow(new InvalidTask(message));
        expect(backend.requests).toEqual([]);
        await plain.enqueue();
        expect(backend.requests).toHaveLength(1);
      });
    },
  );

  it("an ability that is not used does not matter", async () => {
    const backend = new PartialBackend({ priority: false, defer: false, metadata: false });
    await withBackends({ default: backend }, () =>
      plain.using({ priority: 0, runAfter: null, metadata: {}, transaction: null }).enqueue(),
    );
    expect(backend.enqueueOptions).toEqual([undefined]);
  });

  it("the queue must be one of its own, at every enqueue", async () => {
    const subject = plain.using({ queueName: "unknown_queue" });
    await withBackends({ default: new DummyBackend({ queues: [] }) }, () => subject.enqueue());
    await withBackends(
      { default: new DummyBackend({ queues: ["queue-1", "queue-2"] }) },
      async () => {
        await expect(subject.enqueue()).rejects.toThrow(
          new InvalidTask(
            "Queue 'unknown_queue' is not valid for backend. It takes: queue-1, queue-2. Add it to the backend's queues.",
          ),
        );
      },
    );
  });
});

describe("the request a backend gets", () => {
  it("is complete", async () => {
    const backend = new PartialBackend({
      defer: true,
      unique: true,
      concurrency: true,
      transaction: "atomic",
    });
    const subject = task(
      {
        name: "enqueue.complete",
        maxLost: 7,
        unique: { key: (id) => id, scope: { windowMs: 500 }, onConflict: "reject" },
        concurrency: { key: (_id, tenant) => tenant, limit: 3 },
      },
      (_id: string, _tenant: string) => null,
    );
    const transaction = {};
    const using = { priority: 5, runAfter: { seconds: 2 }, metadata: { a: [1] }, transaction };
    await withBackends({ default: backend }, () => subject.using(using).enqueue("id-1", "acme"));
    expect(backend.requests).toEqual([
      {
        id: null,
        taskName: "enqueue.complete",
        args: ["id-1", "acme"],
        argsJson: '["id-1","acme"]',
        queueName: "default",
        priority: 5,
        runAfter: null,
        delayMs: 2000,
        maxLost: 7,
        metadata: { a: [1] },
        unique: {
          key: "enqueue.complete/id-1",
          scope: "window",
          windowMs: 500,
          onConflict: "reject",
        },
        concurrency: { key: "enqueue.complete/acme", limit: 3 },
      },
    ]);
    expect(backend.enqueueOptions[0]?.transaction).toBe(transaction);
  });

  it("holds a moment as it was given", async () => {
    const backend = new PartialBackend({ defer: true });
    const runAfter = new Date("2030-01-01T00:00:00Z");
    const subject = task({ name: "enqueue.moment" }, () => null);
    await withBackends({ default: backend }, () => subject.using({ runAfter }).enqueue());
    expect(backend.requests[0]).toMatchObject({
      runAfter,
      delayMs: null,
      unique: null,
      concurrency: null,
    });
  });

  it("holds copies: what becomes of the caller's objects does not reach it", async () => {
    const backend = new PartialBackend();
    const subject = task(
      { name: "enqueue.copies", metadata: { deep: { a: 1 } } },
      (_list: number[]) => null,
    );
    const list = [1];
    await withBackends({ default: backend }, async () => {
      await subject.enqueue(list);
      list.push(2);
      Object.assign(backend.requests[0]?.metadata["deep"] ?? {}, { a: 9 });
      await subject.enqueue(list);
    });
    expect(backend.requests.map(({ args }) => args)).toEqual([[[1]], [[1, 2]]]);
    expect(backend.requests[1]?.metadata).toEqual({ deep: { a: 1 } });
  });

  it("holds unique keys that are short and storable, whatever they are made of", async () => {
    const backend = new PartialBackend({ unique: true });
    const subject = task(
      { name: "enqueue.keys", unique: { key: (text) => text, scope: "until-finished" } },
      (_text: string) => null,
    );
    const texts = ["plain", "ü", "x".repeat(1000), "line\nbreak", "a/b#c", ""];
    await withBackends({ default: backend }, () =>
      subject.enqueueMany(texts.map((text) => [text])),
    );
    const keys = backend.requests.map(({ unique }) => unique?.key ?? "");
    expect(keys[0]).toBe("enqueue.keys/plain");
    expect(new Set(keys).size).toBe(texts.length);
    for (const key of keys) expect(key).toMatch(/^[\x20-\x7e]{1,255}$/);
  });

  it("takes the arguments for the unique key where there is none, and one key per task for concurrency", async () => {
    const backend = new PartialBackend({ unique: true, concurrency: true });
    const subject = task(
      { name: "enqueue.own-keys", unique: { scope: "until-started" }, concurrency: { limit: 1 } },
      (_a: number, _b: string) => null,
    );
    await withBackends({ default: backend }, () => subject.enqueue(1, "b"));
    expect(backend.requests[0]).toMatchObject({
      unique: {
        key: 'enqueue.own-keys/[1,"b"]',
        scope: "until-started",
        windowMs: 0,
        onConflict: "return-existing",
      },
      concurrency: { key: "enqueue.own-keys/", limit: 1 },
    });
  });

  it("refuses a key that is no text", async () => {
    const key = (() => 42) as unknown as () => string;
    const subject = task(
      { name: "enqueue.bad-key", unique: { key, scope: "until-started" } },
      () => null,
    );
    await withBackends({ default: new DummyBackend() }, async () => {
      await expect(subject.enqueue()).rejects.toThrow(
        new InvalidTask("unique.key must return a string, not number."),
      );
    });
  });
});

describe("arguments", () => {
  const subject = task({ name: "enqueue.args" }, (..._args: unknown[]) => null);

  it.each([
    [new Date(), "Date"],
    [new Map(), "Map"],
    [1n, "bigint"],
    [[undefined], "undefined"],
    [Number.NaN, "NaN"],
  ])("%s is refused by path before anything is stored", async (value, name) => {
    const backend = new DummyBackend();
    await withBackends({ default: backend }, async () => {
      await expect(subject.enqueue({ user: { value } })).rejects.toThrow(TypeError);
      await expect(subject.enqueue({ user: { value } })).rejects.toThrow(`args[0].user.value`);
      await expect(subject.enqueue({ user: { value } })).rejects.toThrow(`: ${name}`);
    });
    expect(backend.results).toEqual([]);
  });

  it("that are undefined at the end are not given, as for any function", async () => {
    const optional = task({ name: "enqueue.optional" }, (name: string, greeting?: string) => {
      return `${greeting ?? "Hello"}, ${name}!`;
    });
    await withBackends({ default: new ImmediateBackend() }, async () => {
      const result = await optional.enqueue("Ada", undefined);
      expect(result.args).toEqual(["Ada"]);
      expect(result.returnValue).toBe("Hello, Ada!");
      const [ofMany] = await optional.enqueueMany([["Ada", undefined]]);
      expect(ofMany!.args).toEqual(["Ada"]);
      await expect(subject.enqueue(undefined, 1)).rejects.toThrow(
        "Unsupported type at args[0]: undefined",
      );
    });
  });

  it("are limited to what the backend takes, and so is the metadata", async () => {
    const backend = new DummyBackend({ supports: { maxPayloadBytes: 20 } });
    await withBackends({ default: backend }, async () => {
      await subject.enqueue("x".repeat(16));
      await expect(subject.enqueue("x".repeat(17))).rejects.toThrow(PayloadTooLarge);
      await expect(subject.using({ metadata: { text: "x".repeat(20) } }).enqueue()).rejects.toThrow(
        "metadata is at least",
      );
    });
    expect(backend.results).toHaveLength(1);
  });
});

describe("enqueueMany", () => {
  const subject = task({ name: "enqueue.many" }, (_value: unknown) => null);

  it("gives the results in order, and announces each", async () => {
    const backend = new DummyBackend();
    const announced: string[] = [];
    const disconnect = taskEnqueued.connect(({ sender, taskResult }) => {
      if (sender === backend) announced.push(taskResult.id);
    });
    const results = await withBackends({ default: backend }, () =>
      subject.enqueueMany([["a"], ["b"], ["c"]]),
    );
    disconnect();
    expect(results.map(({ args }) => args)).toEqual([["a"], ["b"], ["c"]]);
    expect(announced).toEqual(results.map(({ id }) => id));
  });

  it("takes any iterable, and nothing at all", async () => {
    const backend = new DummyBackend();
    await withBackends({ default: backend }, async () => {
      expect(await subject.enqueueMany(new Set<[unknown]>([["a"], ["b"]]))).toHaveLength(2);
      expect(await subject.enqueueMany([])).toEqual([]);
    });
    expect(backend.results).toHaveLength(2);
  });

  it("stores nothing when one call is wrong", async () => {
    const backend = new PartialBackend();
    await withBackends({ default: backend }, async () => {
      await expect(subject.enqueueMany([["fine"], [new Date()]])).rejects.toThrow(
        "Unsupported type at args[0]: Date",
      );
    });
    expect(backend.requests).toEqual([]);
  });

  it("stores one by one where the backend has no batches", async () => {
    const backend = new PartialBackend();
    await withBackends({ default: backend }, () => subject.enqueueMany([[1], [2]]));
    expect(backend.requests.map(({ args }) => args)).toEqual([[1], [2]]);
  });
});

describe("unique tasks", () => {
  it("give back the existing result, or refuse, and are announced once", async () => {
    const backend = new MemoryBackend();
    const announced: string[] = [];
    const disconnect = taskEnqueued.connect(({ sender, taskResult }) => {
      if (sender === backend) announced.push(taskResult.id);
    });
    const once = task(
      { name: "enqueue.once", unique: { scope: "until-finished" } },
      (_id: string) => null,
    );
    const strict = task(
      { name: "enqueue.strict", unique: { scope: "until-finished", onConflict: "reject" } },
      (_id: string) => null,
    );
    await withBackends({ default: backend }, async () => {
      const first = await once.enqueue("a");
      const second = await once.enqueue("a");
      expect([first.deduplicated, second.deduplicated]).toEqual([false, true]);
      expect(second.id).toBe(first.id);
      expect((await once.enqueue("b")).deduplicated).toBe(false);
      const held = await strict.enqueue("a");
      await expect(strict.enqueue("a")).rejects.toThrow(
        new DuplicateTask("enqueue.strict", held.id),
      );
      await expect(strict.enqueueMany([["x"], ["a"]])).rejects.toThrow(DuplicateTask);
      expect((await backend.list()).results).toHaveLength(3);
    });
    disconnect();
    expect(announced).toHaveLength(3);
  });

  it("make one result of fifty enqueues at once", async () => {
    const once = task({ name: "enqueue.race", unique: { scope: "until-finished" } }, () => null);
    await withBackends({ default: new MemoryBackend() }, async () => {
      const results = await Promise.all(Array.from({ length: 50 }, () => once.enqueue()));
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
      expect(results.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    });
  });
});

describe("a large batch", () => {
  const keep = task({ name: "enqueue.large" }, (text: string) => text);

  it("holds a mebibyte of encoded arguments at most, and encodes the others as the backend reads them", async () => {
    const backend = new PartialBackend({ batch: true });
    const text = "x".repeat(10_000);
    await withBackends({ default: backend }, async () => {
      await keep.enqueueMany(Array.from({ length: 500 }, (_, index) => [`${index} ${text}`]));
    });
    const held = backend.requests.map(
      (request) =>
        (Object.getOwnPropertyDescriptor(request, "argsJson")?.value as string | undefined) ?? "",
    );
    expect(held.join("").length).toBeLessThanOrEqual(1_048_576);
    expect(held[0]).not.toBe("");
    for (const request of backend.requests) {
      expect({ ...request }.argsJson).toBe(JSON.stringify(request.args));
    }
  });

  it("stores nothing when its last call is bad", async () => {
    const backend = new PartialBackend({ batch: true });
    function* calls(): Generator<[string]> {
      for (let index = 0; index < 2000; index++) yield ["x".repeat(1000)];
      yield ["\0"];
    }
    await withBackends({ default: backend }, async () => {
      await expect(keep.enqueueMany(calls())).rejects.toThrow("string with U+0000");
    });
    expect(backend.requests).toEqual([]);
  });
});
