import {
  currentTask,
  DummyBackend,
  ImmediateBackend,
  MemoryBackend,
  NotSupported,
  task,
  withBackends,
  type Backend,
  type TaskContext,
  type TaskResult,
} from "@tasks/core";
import { drain } from "@tasks/core/testing";
import { describe, expect, it } from "vitest";

import { collectLogs } from "./support/logs.ts";
import { PartialBackend } from "./support/partial-backend.ts";

/** Runs a function as a task on a backend and gives the refreshed result. */
let count = 0;
async function runWithContext(
  backend: Backend,
  fn: (context: TaskContext) => unknown,
  metadata: object = {},
): Promise<TaskResult> {
  const subject = task(
    {
      name: `task-context.${count++}`,
      takesContext: true,
      maxAttempts: 2,
      backoff: { delayMs: 0 },
    },
    fn,
  );
  return withBackends({ default: backend }, async () => {
    const result = await subject.using({ metadata }).enqueue();
    if (!backend.supports.getResult) return result;
    await drain({ backend });
    return result.refresh();
  });
}

describe.each<[string, () => Backend]>([
  ["immediate", () => new ImmediateBackend()],
  ["memory", () => new MemoryBackend()],
  ["dummy", () => new DummyBackend()],
])("metadata on the %s backend", (_name, create) => {
  it("is read from context and result", async () => {
    const result = await runWithContext(
      create(),
      ({ metadata, metadataModified }) => [metadata, metadataModified],
      { a: [1] },
    );
    expect(result.metadata).toEqual({ a: [1] });
    expect(result.returnValue).toEqual([{ a: [1] }, false]);
  });

  it("is stored with the attempt's end when it was changed", async () => {
    const result = await runWithContext(
      create(),
      (context) => {
        context.metadata["step"] = 2;
        return context.metadataModified;
      },
      { kept: true },
    );
    expect(result).toMatchObject({ metadata: { kept: true, step: 2 }, returnValue: true });
  });

  it("is stored when the task fails, too", async () => {
    using logs = collectLogs();
    const result = await runWithContext(create(), (context) => {
      context.metadata["attempt"] = context.attempt;
      throw new Error("no");
    });
    expect(result).toMatchObject({ status: "FAILED", metadata: { attempt: 2 } });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("that is no longer JSON fails the task, and what was stored stays", async () => {
    using logs = collectLogs();
    const result = await runWithContext(
      create(),
      (context) => {
        Object.assign(context.metadata, { at: new Date() });
      },
      { kept: true },
    );
    expect(result).toMatchObject({ status: "FAILED", metadata: { kept: true } });
    expect(result.errors[0]).toMatchObject({
      exceptionClass: "TypeError",
      message: "Unsupported type at metadata.at: Date",
    });
    expect(logs.length).toBeGreaterThan(0);
  });

  it("is stored in between by saveMetadata, after which nothing is modified", async () => {
    const seen: unknown[] = [];
    const result = await runWithContext(create(), async (context) => {
      await context.saveMetadata();
      context.metadata["step"] = 1;
      seen.push(context.metadataModified);
      await context.saveMetadata();
      seen.push(context.metadataModified);
      context.metadata["unsaved"] = 1;
      delete context.metadata["unsaved"];
      seen.push(context.metadataModified);
    });
    expect(seen).toEqual([true, false, false]);
    expect(result.metadata).toEqual({ step: 1 });
  });

  it("does not leak from one result into the task or the next result", async () => {
    const backend = create();
    const subject = task(
      { name: `task-context.${count++}`, takesContext: true, metadata: { deep: { n: 0 } } },
      (context) => {
        (context.metadata["deep"] as { n: number }).n += 1;
      },
    );
    await withBackends({ default: backend }, async () => {
      for (let round = 0; round < 2; round++) {
        const result = await subject.enqueue();
        if (backend.supports.getResult) {
          await drain({ backend });
          await result.refresh();
        }
        expect(result.metadata).toEqual({ deep: { n: 1 } });
      }
    });
    expect(subject.metadata).toEqual({ deep: { n: 0 } });
  });
});

describe("metadata and progress while the task runs", () => {
  it("are seen by everybody else as soon as they are stored", async () => {
    const backend = new MemoryBackend();
    const seen: unknown[] = [];
    await runWithContext(backend, async (context) => {
      context.metadata["step"] = 1;
      const look = async () => {
        const { metadata, progress } = await backend.getResult(context.taskResult.id);
        seen.push([metadata, progress]);
      };
      await look();
      await context.saveMetadata();
      await context.setProgress({ done: 1, of: 2 });
      await look();
    });
    expect(seen).toEqual([
      [{}, null],
      [{ step: 1 }, { done: 1, of: 2 }],
    ]);
  });

  it("progress stays with the result, and must be JSON", async () => {
    const refused: unknown[] = [];
    const result = await runWithContext(
      new ImmediateBackend({ maxPayloadBytes: 100 }),
      async (context) => {
        await context.setProgress(0.5);
        for (const value of [new Date(), undefined, "x".repeat(100)]) {
          refused.push(
            await context.setProgress(value).catch((error: unknown) => (error as Error).message),
          );
        }
      },
    );
    expect(result.progress).toBe(0.5);
    expect(refused).toEqual([
      "Unsupported type at progress: Date",
      "Unsupported type at progress: undefined",
      expect.stringContaining("progress is at least 102 bytes"),
    ]);
  });
});

it("refuses what the backend does not support", async () => {
  class Modest extends ImmediateBackend {
    override readonly supports = Object.freeze({
      ...new PartialBackend().supports,
      metadata: false,
      progress: false,
      logs: false,
    });
  }
  const result = await runWithContext(new Modest(), async (context) => {
    const errors = [context.saveMetadata(), context.setProgress(1)].map((promise) =>
      promise.catch((error: unknown) => [NotSupported.is(error), (error as Error).message]),
    );
    context.log.info("not kept");
    return Promise.all(errors);
  });
  expect(result.returnValue).toEqual([
    [true, "This backend does not support saving metadata."],
    [true, "This backend does not support progress."],
  ]);
  expect(result.logs).toEqual([]);
});

describe("log", () => {
  it("is kept with the result and goes to the framework's log", async () => {
    using logs = collectLogs();
    const result = await runWithContext(new ImmediateBackend(), ({ log }) => {
      log.info("user", { id: 7 }, 1n, new TypeError("no"));
      log.warn("careful");
      log.error(undefined, Symbol("s"));
    });
    expect(result.logs).toEqual([
      {
        level: "info",
        message: expect.stringMatching(/^user \{ id: 7 \} 1n TypeError: no\n {4}at /),
        attempt: 1,
        loggedAt: expect.any(Date),
      },
      { level: "warn", message: "careful", attempt: 1, loggedAt: expect.any(Date) },
      { level: "error", message: "undefined Symbol(s)", attempt: 1, loggedAt: expect.any(Date) },
    ]);
    expect(logs).toContainEqual({
      level: "warn",
      message: `Task id=${result.id} path=${result.taskName}: careful`,
      taskId: result.id,
    });
  });

  it("keeps the lines of earlier attempts, the last 200 and no credentials", async () => {
    using logs = collectLogs();
    const result = await runWithContext(new MemoryBackend(), ({ log, attempt }) => {
      if (attempt === 1) {
        log.info("first redis://u:s3cret@host");
        throw new Error("again");
      }
      for (let line = 0; line < 199; line++) log.info(`line ${line}`);
    });
    expect(result.logs).toHaveLength(200);
    expect(result.logs[0]).toMatchObject({ message: "first redis://***@host", attempt: 1 });
    expect(result.logs.at(-1)).toMatchObject({ message: "line 198", attempt: 2 });
    const flood = await runWithContext(new ImmediateBackend(), ({ log }) => {
      for (let line = 0; line < 250; line++) log.info("x".repeat(5000));
    });
    expect(flood.logs).toHaveLength(200);
    expect(flood.logs[0]?.message).toHaveLength(2000);
    expect(logs.length).toBeGreaterThan(0);
  });
});

describe("currentTask", () => {
  it("is the running task's context, however deep, and each task's own", async () => {
    const deep = async (): Promise<TaskContext | undefined> => {
      await new Promise((resolve) => setImmediate(resolve));
      return currentTask();
    };
    const subject = task(
      { name: "task-context.current", takesContext: true },
      async (context, index: number) => [
        (await deep()) === context,
        currentTask()?.taskResult.args,
        index,
      ],
    );
    const plain = task({ name: "task-context.plain" }, async () => (await deep())?.attempt);
    await withBackends({ default: new ImmediateBackend() }, async () => {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, index) => subject.enqueue(index)),
      );
      expect(results.map(({ returnValue }) => returnValue)).toEqual(
        Array.from({ length: 10 }, (_, index) => [true, [index], index]),
      );
      expect((await plain.enqueue()).returnValue).toBe(1);
    });
    expect(currentTask()).toBeUndefined();
  });

  it("belongs to the inner task while it runs inside another", async () => {
    const inner = task({ name: "task-context.inner" }, () => currentTask()?.taskResult.taskName);
    const outer = task({ name: "task-context.outer" }, async () => [
      (await inner.enqueue()).returnValue,
      currentTask()?.taskResult.taskName,
    ]);
    const result = await withBackends({ default: new ImmediateBackend() }, () => outer.enqueue());
    expect(result.returnValue).toEqual(["task-context.inner", "task-context.outer"]);
  });
});
