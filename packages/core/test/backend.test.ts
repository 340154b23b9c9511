import {
  Backend,
  configureTasks,
  InvalidOption,
  InvalidTaskBackend,
  NotSupported,
  task,
  TaskResultDoesNotExist,
  taskBackends,
  withBackends,
  type ListOptions,
  type RecordPage,
  type TaskRecord,
} from "@tasks/core";
import { describe, expect, it, vi } from "vitest";

import { PartialBackend } from "./support/partial-backend.ts";
import { recordOf } from "./support/records.ts";

vi.mock("../src/internal/real-time.ts", () => import("./support/faked-time.ts"));
vi.mock("../src/internal/monotonic-now.ts", () => import("./support/faked-time.ts"));

const subject = task({ name: "backend.subject" }, () => null);

describe("a backend that only enqueues", () => {
  it("is found by its alias and used", async () => {
    const backend = new PartialBackend();
    await withBackends({ default: backend, custom: () => new PartialBackend() }, async () => {
      expect(taskBackends.get("custom")).toBeInstanceOf(PartialBackend);
      expect(taskBackends.get("custom").alias).toBe("custom");
      expect(await subject.enqueue()).toMatchObject({ status: "READY", backend: "default" });
    });
    expect(backend.requests).toHaveLength(1);
  });

  it("accepts the queues it was given, or only the default one, and keeps them", () => {
    expect(new PartialBackend().queueNames).toEqual(["default"]);
    const queues = ["a"];
    const backend = new PartialBackend({}, queues);
    queues.push("b");
    expect(backend.queueNames).toEqual(["a"]);
    expect(Object.isFrozen(backend.queueNames)).toBe(true);
  });

  it.each([
    ["emails", 'queues must be an array of queue names, not "emails".'],
    [["emails", "e mails"], 'Queue name "e mails" is not valid.'],
    [["*"], 'Queue name "*" is not valid.'],
    [[""], 'Queue name "" is not valid.'],
    [[7], "Queue name 7 is not valid."],
  ])("refuses queues that are no names: %j", (queues, message) => {
    const create = (): unknown => new PartialBackend({}, queues as readonly string[]);
    expect(create).toThrow(InvalidOption);
    expect(create).toThrow(message);
  });

  it("answers NotSupported to everything it did not write, and is closed without a word", async () => {
    await using backend = new PartialBackend();
    const results = "This backend does not support retrieving or refreshing results.";
    await expect(backend.getResult("1")).rejects.toThrow(new NotSupported(results));
    for (const method of [
      "cancel",
      "createWorker",
      "runTask",
      "list",
      "counts",
      "queues",
      "workers",
      "pause",
      "resume",
      "retry",
      "delete",
      "prune",
    ] as const) {
      const given = method === "list" ? {} : "1";
      await expect(backend[method](given as never)).rejects.toThrow(
        /^PartialBackend does not support /,
      );
    }
    expect(await backend.check()).toEqual([]);
    await backend.close();
  });

  it("declares getResult only with a way to read", async () => {
    const backend = new PartialBackend({ getResult: true });
    await expect(backend.getResult("1")).rejects.toThrow(NotSupported);
  });
});

it("without enqueue is no backend", () => {
  class Nothing {
    readonly supports = new PartialBackend().supports;
  }
  expect(() =>
    configureTasks({ backends: { default: new Nothing() as unknown as Backend } }),
  ).toThrow(InvalidTaskBackend);
  // @ts-expect-error -- enqueue is missing
  class Unfinished extends Backend {
    override readonly supports = new PartialBackend().supports;
  }
  expect(() => configureTasks({ backends: { default: new Unfinished() } })).toThrow(
    InvalidTaskBackend,
  );
});

it("with records has results: one by its id, and pages of them", async () => {
  class Reading extends PartialBackend {
    readonly record = recordOf({ taskName: "backend.subject" });
    asked: ListOptions | undefined;
    override async readRecord(id: string): Promise<TaskRecord | undefined> {
      return id === this.record.id ? this.record : undefined;
    }
    override async listRecords(options: ListOptions): Promise<RecordPage> {
      this.asked = options;
      return { records: [this.record], nextCursor: "next" };
    }
  }
  const backend = new Reading({ getResult: true, list: true });
  expect(await backend.getResult(backend.record.id)).toMatchObject({
    id: backend.record.id,
    status: "READY",
  });
  await expect(backend.getResult("1")).rejects.toThrow(TaskResultDoesNotExist);
  const page = await backend.list({ limit: 7, status: "READY" });
  expect(page).toMatchObject({ results: [{ taskName: "backend.subject" }], nextCursor: "next" });
  expect(backend.asked).toEqual({ limit: 7, status: "READY" });
});

describe("waitForChange without a way to notify", () => {
  it("is a timer that a signal ends early", async () => {
    vi.useFakeTimers();
    try {
      const backend = new PartialBackend();
      const controller = new AbortController();
      const waits = [
        backend.waitForChange("1", 50),
        backend.waitForChange("1", 60_000, controller.signal),
      ];
      await vi.advanceTimersByTimeAsync(50);
      await waits[0];
      controller.abort();
      await waits[1];
      await backend.waitForChange("1", 60_000, AbortSignal.abort());
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
