import { getEventListeners } from "node:events";
import { setTimeout as wait } from "node:timers/promises";

import {
  DiscardTask,
  MemoryBackend,
  RetryTask,
  SnoozeTask,
  task,
  TaskCancelled,
  TaskLost,
  WorkerStopping,
  type AnyTask,
  type TaskContext,
} from "@tasks/core";
import { AttemptControl, runAttempt, type AttemptEnd } from "@tasks/core/worker";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { collectLogs } from "./support/logs.ts";
import { claimedOf } from "./support/records.ts";

vi.mock("../src/internal/real-time.ts", () => import("./support/faked-time.ts"));
vi.mock("../src/internal/monotonic-now.ts", () => import("./support/faked-time.ts"));

const backend = new MemoryBackend();
const host = { backend, workerId: "worker-1" };
let count = 0;
const named = (): string => `run-attempt.${count++}`;

function run(
  subject: AnyTask | string,
  changes: object = {},
  control?: AttemptControl,
): Promise<AttemptEnd> {
  const taskName = typeof subject === "string" ? subject : subject.name;
  return runAttempt(claimedOf({ ...changes, taskName }), host, control);
}

/** A task that waits for its signal and ends as told. */
function waiting(
  end: (signal: AbortSignal) => unknown,
  options: object = {},
): { subject: AnyTask; started: Promise<void> } {
  let begin = (): void => {};
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const subject = task(
    { name: named(), takesContext: true, ...options },
    async ({ signal }: TaskContext): Promise<unknown> => {
      const aborted = new Promise<void>((done) =>
        signal.addEventListener("abort", () => done(), { once: true }),
      );
      begin();
      await aborted;
      return end(signal);
    },
  );
  return { subject, started };
}

describe("returning", () => {
  it("is success, with the value and its JSON", async () => {
    const subject = task({ name: named() }, (a: number) => ({ a, left: undefined }));
    expect(await run(subject, { args: [7] })).toEqual({
      outcome: { type: "successful", returnValue: { a: 7 }, returnValueJson: '{"a":7}' },
      changes: null,
      cancelled: false,
    });
  });

  it("nothing is null", async () => {
    expect((await run(task({ name: named() }, () => {}))).outcome).toMatchObject({
      returnValue: null,
      returnValueJson: "null",
    });
  });

  it("what JSON cannot bring back is a failure like any other", async () => {
    const options = {
      name: named(),
      maxAttempts: 2,
      backoff: { type: "fixed", delayMs: 5, jitter: 0 },
    } as const;
    const subject = task(options, (): unknown => new Map());
    expect((await run(subject)).outcome).toMatchObject({
      type: "retry",
      delayMs: 5,
      error: { exceptionClass: "TypeError", message: "Unsupported type at return value: Map" },
    });
  });

  it("a thenable whose then throws is a failure", async () => {
    const hostile = new Proxy(
      {},
      {
        get: (_target, key) => {
          throw new Error(`no ${String(key)}`);
        },
      },
    );
    const { outcome } = await run(task({ name: named() }, (): unknown => hostile));
    expect(outcome).toMatchObject({ type: "failed", error: { message: "no then" } });
  });
});

describe("throwing", () => {
  const failing = (options: object, thrown: unknown = new Error("no")) =>
    task({ name: named(), ...options }, () => {
      throw thrown;
    });

  it("is failure when no attempts are left", async () => {
    expect((await run(failing({}))).outcome).toEqual({
      type: "failed",
      error: {
        exceptionClass: "Error",
        message: "no",
        traceback: expect.stringContaining("Error: no"),
        attempt: 1,
        workerId: "worker-1",
        occurredAt: expect.any(Date),
      },
    });
  });

  it("is tried again while attempts are left; lost, snoozed and released ones do not count", async () => {
    const subject = failing({
      maxAttempts: 3,
      backoff: { type: "linear", delayMs: 10, jitter: 0 },
    });
    expect((await run(subject)).outcome).toMatchObject({ type: "retry", delayMs: 10 });
    expect((await run(subject, { failures: 1 })).outcome).toMatchObject({
      type: "retry",
      delayMs: 20,
    });
    expect((await run(subject, { failures: 2 })).outcome.type).toBe("failed");
    const lost = { attempts: 3, workerIds: ["a", "b", "c"], lost: 3 };
    expect((await run(subject, lost)).outcome).toMatchObject({
      type: "retry",
      error: { attempt: 4 },
    });
  });

  it("asks a backoff function, which may decide against another attempt", async () => {
    const asked: unknown[] = [];
    const subject = failing({
      maxAttempts: 9,
      backoff: (error: Error, result: { readonly attempts: number }) => {
        asked.push([error.message, result.attempts]);
        return asked.length === 1 ? 7.6 : null;
      },
    });
    expect((await run(subject)).outcome).toMatchObject({ type: "retry", delayMs: 8 });
    expect((await run(subject)).outcome.type).toBe("failed");
    expect(asked).toEqual([
      ["no", 1],
      ["no", 1],
    ]);
  });

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("broken backoff");
      },
    ],
    ["returns NaN", () => Number.NaN],
    ["returns a negative number", () => -1],
    ["returns more than a thousand years", () => 1e300],
    ["is async", async () => 5],
  ])(
    "a backoff function that %s ends the task with its own error, and is reported",
    async (_what, backoff) => {
      using logs = collectLogs();
      const { outcome } = await run(failing({ maxAttempts: 9, backoff }));
      expect(outcome).toMatchObject({ type: "failed", error: { message: "no" } });
      expect(logs.at(-1)).toMatchObject({
        level: "error",
        message: expect.stringMatching(
          /^The backoff of task '.*' failed; the task is not tried again\.$/,
        ),
      });
    },
  );

  it("RetryTask waits as long as it says and uses an attempt", async () => {
    const subject = failing({ maxAttempts: 2 }, new RetryTask({ delayMs: 1234 }));
    expect((await run(subject)).outcome).toMatchObject({
      type: "retry",
      delayMs: 1234,
      error: { exceptionClass: "RetryTask" },
    });
    expect((await run(subject, { failures: 1 })).outcome.type).toBe("failed");
  });

  it("SnoozeTask uses none, and DiscardTask wants no more", async () => {
    expect((await run(failing({}, new SnoozeTask({ delayMs: 50 })))).outcome).toEqual({
      type: "snooze",
      delayMs: 50,
    });
    expect(
      (await run(failing({ maxAttempts: 9 }, new DiscardTask("no such user")))).outcome,
    ).toMatchObject({
      type: "failed",
      error: { exceptionClass: "DiscardTask", message: "no such user" },
    });
  });

  it("an outcome of a second copy of the package counts, and one with a senseless delay does not", async () => {
    const foreign = Object.assign(new Error("later"), {
      name: "SnoozeTask",
      code: "TASKS_SNOOZE",
      delayMs: 9,
    });
    expect((await run(failing({}, foreign))).outcome).toEqual({ type: "snooze", delayMs: 9 });
    const senseless = Object.assign(new Error("later"), {
      code: "TASKS_SNOOZE",
      delayMs: Number.NaN,
    });
    expect((await run(failing({}, senseless))).outcome.type).toBe("failed");
  });

  it("whatever it throws, the attempt ends", async () => {
    const fail = (): never => {
      throw new Error("trap");
    };
    const hostile = new Proxy(new Error("x"), { get: fail, getPrototypeOf: fail, has: fail });
    for (const thrown of [undefined, null, 7, "text", Symbol("s"), Object.create(null), hostile]) {
      const { outcome } = await run(failing({}, thrown));
      expect(outcome.type).toBe("failed");
    }
  });
});

describe("what can never run", () => {
  it("a task that nobody registered", async () => {
    for (const name of ["run-attempt.unknown", "constructor", "__proto__"]) {
      expect((await run(name)).outcome).toMatchObject({
        type: "failed",
        error: { exceptionClass: "TaskDoesNotExist" },
      });
    }
  });

  it("damaged arguments: no attempt will make them whole", async () => {
    const subject = task({ name: named(), maxAttempts: 9 }, () => null);
    const claimed = claimedOf({ taskName: subject.name });
    const damaged = {
      ...claimed,
      args: () => {
        throw new SyntaxError("Unexpected end of JSON input");
      },
    };
    expect((await runAttempt(damaged, host)).outcome).toMatchObject({
      type: "failed",
      error: { exceptionClass: "SyntaxError" },
    });
  });
});

describe("a signal from outside", () => {
  it("cancels: FAILED with TaskCancelled, whatever the task makes of it", async () => {
    for (const end of [
      (): unknown => "ignored it",
      (signal: AbortSignal): never => {
        throw signal.reason;
      },
    ]) {
      const { subject, started } = waiting(end, { maxAttempts: 9 });
      const control = new AttemptControl();
      const attempt = run(subject, {}, control);
      await started;
      control.abort(new TaskCancelled());
      expect(await attempt).toMatchObject({
        cancelled: true,
        outcome: {
          type: "failed",
          error: { exceptionClass: "TaskCancelled", message: "Task was cancelled." },
        },
      });
    }
  });

  it("at shutdown releases an attempt that gives up, keeps one that succeeds, and heeds an outcome", async () => {
    const cases: [(signal: AbortSignal) => unknown, string][] = [
      [
        (signal) => {
          throw signal.reason;
        },
        "release",
      ],
      [
        () => {
          throw new Error("socket closed");
        },
        "release",
      ],
      [() => "done in time", "successful"],
      [
        () => {
          throw new SnoozeTask({ delayMs: 1 });
        },
        "snooze",
      ],
      [
        () => {
          throw new DiscardTask();
        },
        "failed",
      ],
    ];
    for (const [end, type] of cases) {
      const { subject, started } = waiting(end);
      const control = new AttemptControl();
      const attempt = run(subject, {}, control);
      await started;
      control.abort(new WorkerStopping());
      expect((await attempt).outcome.type).toBe(type);
    }
  });

  it("that fired before the attempt began keeps the function from being called", async () => {
    let calls = 0;
    const subject = task({ name: named() }, () => void calls++);
    for (const [reason, type] of [
      [new WorkerStopping(), "release"],
      [new TaskLost("gone"), "release"],
      [new TaskCancelled(), "failed"],
    ] as const) {
      const control = new AttemptControl();
      control.abort(reason);
      expect((await run(subject, {}, control)).outcome.type).toBe(type);
    }
    expect(calls).toBe(0);
  });

  it("fires once, for the first reason, with an AbortSignal made on demand", () => {
    const control = new AttemptControl();
    const first = new TaskCancelled();
    control.abort(first);
    control.abort(new WorkerStopping());
    expect(control.reason).toBe(first);
    expect(control.signal.reason).toBe(first);
    expect(control.signal).toBe(control.signal);
  });
});

describe("a timeout", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("fires the signal, and the attempt fails with TaskTimeout", async () => {
    const { subject } = waiting(
      (signal) => {
        throw signal.reason;
      },
      { timeoutMs: 5000 },
    );
    const attempt = run(subject);
    await vi.advanceTimersByTimeAsync(5000);
    expect((await attempt).outcome).toMatchObject({
      type: "failed",
      error: {
        exceptionClass: "TaskTimeout",
        message: "The attempt ran longer than its timeoutMs of 5000 ms.",
      },
    });
  });

  it("counts even when the task goes on to return something", async () => {
    const { subject } = waiting(() => "too late", { timeoutMs: 50 });
    const attempt = run(subject);
    await vi.advanceTimersByTimeAsync(50);
    expect((await attempt).outcome).toMatchObject({
      type: "failed",
      error: { exceptionClass: "TaskTimeout" },
    });
  });

  it("gives a stubborn task up after a moment of grace", async () => {
    const subject = task({ name: named(), timeoutMs: 50 }, () => new Promise<never>(() => {}));
    let ended: AttemptEnd | undefined;
    void run(subject).then((end) => (ended = end));
    await vi.advanceTimersByTimeAsync(1049);
    expect(ended).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(ended?.outcome).toMatchObject({
      type: "failed",
      error: { exceptionClass: "TaskTimeout" },
    });
  });

  it("is tried again while attempts are left", async () => {
    const { subject } = waiting(
      (signal) => {
        throw signal.reason;
      },
      { timeoutMs: 50, maxAttempts: 2 },
    );
    const attempt = run(subject);
    await vi.advanceTimersByTimeAsync(50);
    expect((await attempt).outcome).toMatchObject({
      type: "retry",
      error: { exceptionClass: "TaskTimeout" },
    });
  });

  it("that is not reached leaves no timer behind", async () => {
    expect((await run(task({ name: named(), timeoutMs: 50 }, () => "quick"))).outcome.type).toBe(
      "successful",
    );
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("leaves no listener behind on a signal that a task used for its own waits", async () => {
  const control = new AttemptControl();
  const subject = task({ name: named(), takesContext: true }, async ({ signal }) => {
    await wait(0, undefined, { signal });
  });
  await run(subject, {}, control);
  expect(getEventListeners(control.signal, "abort")).toEqual([]);
});
