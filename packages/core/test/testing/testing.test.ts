import { AssertionError } from "node:assert";
import { runInNewContext } from "node:vm";

import {
  defaultTaskBackend,
  DiscardTask,
  DummyBackend,
  ImmediateBackend,
  MemoryBackend,
  NotSupported,
  task,
  withBackends,
  type Backend,
  type Task,
} from "@tasks/core";
import { createClock, drain, enqueued, expectEnqueued } from "@tasks/core/testing";
import { describe, expect, it } from "vitest";

import { collectLogs } from "../support/logs.ts";

const mail = task(
  { name: "testing.mail" },
  (_to: string, _options?: { readonly urgent: boolean }) => null,
);
const report = task({ name: "testing.report" }, (_month: number) => null);
const run = <T>(fn: () => T, backend: Backend = new DummyBackend()) =>
  withBackends({ default: backend }, fn);

describe("enqueued", () => {
  it("gives what was enqueued in this scope, in order, of all tasks or of one", async () => {
    await run(async () => {
      expect(enqueued()).toEqual([]);
      await mail.enqueue("ada");
      await report.enqueue(1);
      await mail.enqueue("grace");
      expect(enqueued().map(({ args }) => args[0])).toEqual(["ada", 1, "grace"]);
      expect(enqueued({ task: mail }).map(({ args }) => args[0])).toEqual(["ada", "grace"]);
    });
  });

  it("looks at another backend by alias or by itself", async () => {
    const other = new DummyBackend();
    await withBackends({ default: new DummyBackend(), other }, async () => {
      await mail.using({ backend: "other" }).enqueue("ada");
      expect(enqueued()).toEqual([]);
      expect(enqueued({ backend: "other" })).toHaveLength(1);
      expect(enqueued({ backend: other })).toHaveLength(1);
    });
  });

  it("needs a DummyBackend, and says how to get one", async () => {
    await run(() => {
      expect(() => enqueued()).toThrow(NotSupported);
      expect(() => expectEnqueued({ task: mail })).toThrow(
        "Only a DummyBackend can tell what was enqueued, not ImmediateBackend. " +
          "Run the code inside withBackends({ default: new DummyBackend() }, …).",
      );
    }, new ImmediateBackend());
  });
});

describe("expectEnqueued", () => {
  it("gives the matching result; what is left out may be anything", async () => {
    await run(async () => {
      await mail.enqueue("ada");
      const second = await mail
        .using({ priority: 5, metadata: { a: 1 } })
        .enqueue("grace", { urgent: true });
      expect(expectEnqueued({ task: mail }).args).toEqual(["ada"]);
      expect(expectEnqueued({ task: mail, priority: 5 }).id).toBe(second.id);
      expect(
        expectEnqueued({
          task: mail,
          args: ["grace", { urgent: true }],
          metadata: { a: 1 },
          queueName: "default",
        }).id,
      ).toBe(second.id);
    });
  });

  it("compares due times: a moment, a delay from the enqueue, or none", async () => {
    const clock = createClock(new Date("2030-01-01T00:00:00Z"));
    await run(async () => {
      await mail.using({ runAfter: { minutes: 10 } }).enqueue("ada");
      expectEnqueued({ task: mail, runAfter: { minutes: 10 } });
      expectEnqueued({ task: mail, runAfter: { seconds: 600 } });
      expectEnqueued({ task: mail, runAfter: new Date("2030-01-01T00:10:00Z") });
      expect(() => expectEnqueued({ task: mail, runAfter: null })).toThrow(
        "2030-01-01T00:10:00.000Z",
      );
      await mail.enqueue("grace");
      expect(expectEnqueued({ task: mail, runAfter: null }).args).toEqual(["grace"]);
    }, new DummyBackend({ clock }));
  });

  it("shows the nearest misses and how they differ", async () => {
    await run(async () => {
      await report.enqueue(1);
      await mail.using({ priority: 3 }).enqueue("grace");
      await mail.enqueue("ada");
      const expectation = () => expectEnqueued({ task: mail, args: ["ada"], priority: 3 });
      expect(expectation).toThrow(AssertionError);
      expect(expectation).toThrow(
        `Expected task 'testing.mail' to be enqueued, but no result matches. 3 tasks were enqueued; nearest:

testing.mail("grace")
  args
    expected: ["ada"]
    actual:   ["grace"]

testing.mail("ada")
  priority
    expected: 3
    actual:   0

testing.report(1)
  task
    expected: "testing.mail"
    actual:   "testing.report"
  args
    expected: ["ada"]
    actual:   [1]
  priority
    expected: 3
    actual:   0`,
      );
    });
  });

  it("says when nothing was enqueued at all", async () => {
    await run(() => {
      expect(() => expectEnqueued({ task: mail })).toThrow(
        "Expected task 'testing.mail' to be enqueued, but nothing was enqueued.",
      );
    });
  });

  it("cuts long values", async () => {
    await run(async () => {
      await mail.enqueue("x".repeat(10_000));
      expect(() => expectEnqueued({ task: mail, args: ["y"] })).toThrow(/^[\s\S]{1,1500}$/);
    });
  });
});

describe.each<[string, () => Backend]>([
  ["DummyBackend", () => new DummyBackend()],
  ["MemoryBackend", () => new MemoryBackend()],
])("drain with a %s", (_name, create) => {
  it("runs what is ready and what that enqueues, and says how many attempts it made", async () => {
    const done: number[] = [];
    const countdown: Task<[from: number], null> = task(
      { name: `testing.countdown-${_name}` },
      async (from: number): Promise<void> => {
        done.push(from);
        if (from > 0) await countdown.enqueue(from - 1);
      },
    );
    await run(async () => {
      await countdown.enqueue(3);
      expect(await drain()).toBe(4);
      expect(done).toEqual([3, 2, 1, 0]);
      expect(await drain()).toBe(0);
    }, create());
  });

  it("leaves what is due later", async () => {
    await run(async () => {
      const result = await report.using({ runAfter: { minutes: 1 } }).enqueue(1);
      expect(await drain()).toBe(0);
      await result.refresh();
      expect(result.state).toBe("scheduled");
    }, create());
  });

  it("counts failed attempts, too", async () => {
    using logs = collectLogs();
    const failing = task(
      { name: `testing.failing-${_name}`, maxAttempts: 3, backoff: { delayMs: 0 } },
      () => {
        throw new Error("no");
      },
    );
    const discarded = task({ name: `testing.discarded-${_name}` }, () => {
      throw new DiscardTask();
    });
    await run(async () => {
      const results = [await failing.enqueue(), await discarded.enqueue()];
      expect(await drain()).toBe(4);
      for (const result of results) expect((await result.refresh()).status).toBe("FAILED");
    }, create());
    expect(logs.length).toBeGreaterThan(0);
  });

  it("stops at its limit, so that tasks which enqueue each other end", async () => {
    const endless: Task<[], null> = task(
      { name: `testing.endless-${_name}` },
      async (): Promise<void> => {
        await endless.enqueue();
      },
    );
    await run(async () => {
      await endless.enqueue();
      await expect(drain({ limit: 20 })).rejects.toMatchObject({
        code: "TASKS_DRAIN_LIMIT",
        message:
          "drain() made 20 attempts and 1 tasks are still ready. Do tasks enqueue each other? Else raise the limit.",
      });
    }, create());
    await run(async () => {
      await report.enqueueMany([[1], [2]]);
      expect(await drain({ limit: 2 })).toBe(2);
    }, create());
  });

  it("takes a backend by alias, by itself, and the default by its stand-in", async () => {
    const other = create();
    await withBackends({ default: create(), other }, async () => {
      await report.using({ backend: "other" }).enqueueMany([[1], [2]]);
      expect(await drain()).toBe(0);
      expect(await drain({ backend: "other", limit: 1 }).catch(() => 1)).toBe(1);
      expect(await drain({ backend: other })).toBe(1);
      await report.enqueue(3);
      expect(await drain({ backend: defaultTaskBackend })).toBe(1);
    });
  });
});

it("drain refuses a backend that cannot run what it keeps", async () => {
  await run(async () => {
    await expect(drain()).rejects.toThrow(
      new NotSupported("drain() cannot run the tasks of a ImmediateBackend."),
    );
  }, new ImmediateBackend());
});

describe("createClock", () => {
  it("stands still until it is moved", () => {
    const clock = createClock(new Date("2030-01-01T00:00:00Z"));
    expect(clock.now()).toEqual(clock.now());
    clock.advance({ days: 1, hours: 1, seconds: 0.5 });
    expect(clock.now()).toEqual(new Date("2030-01-02T01:00:00.500Z"));
    clock.set(new Date("2029-01-01T00:00:00Z"));
    expect(clock.now()).toEqual(new Date("2029-01-01T00:00:00Z"));
  });

  it("begins at the present, and tells who listens that it moved", () => {
    const before = Date.now();
    const clock = createClock();
    expect(clock.now().getTime()).toBeGreaterThanOrEqual(before);
    let moves = 0;
    const stop = clock.onChange?.(() => moves++);
    clock.advance({ minutes: 1 });
    stop?.();
    clock.advance({ minutes: 1 });
    expect(moves).toBe(1);
  });

  it("hands out dates that nobody can move it with", () => {
    const clock = createClock(new Date(0));
    clock.now().setFullYear(3000);
    expect(clock.now()).toEqual(new Date(0));
  });
});

it("expectEnqueued compares values and dates of another realm, such as those of a test under Jest", async () => {
  const { args, runAfter, metadata } = runInNewContext(
    `({ args: ["ada", { urgent: true }], runAfter: new Date("2040-01-01"), metadata: { a: [1] } })`,
  ) as { args: [string, { urgent: boolean }]; runAfter: Date; metadata: object };
  await run(async () => {
    const { id } = await mail.using({ runAfter, metadata }).enqueue(...args);
    expect(expectEnqueued({ task: mail, args, runAfter, metadata }).id).toBe(id);
    expect(() => expectEnqueued({ task: mail, args: ["ada", { urgent: false }] })).toThrow("args");
  });
});
