import { subscribe, unsubscribe } from "node:diagnostics_channel";

import {
  DummyBackend,
  ImmediateBackend,
  MemoryBackend,
  task,
  taskEnqueued,
  taskFinished,
  taskStarted,
  withBackends,
  type Backend,
  type TaskEvent,
} from "@tasks/core";
import { describe, expect, it } from "vitest";

import { collectLogs } from "./support/logs.ts";

const fine = task({ name: "signals.fine" }, () => 42);
const failing = task({ name: "signals.failing" }, () => {
  throw new Error("no such user");
});

/** Collects what the three signals say of one backend. */
function listen(backend: Backend) {
  const events: (TaskEvent & { readonly event: string })[] = [];
  const disconnects = Object.entries({ taskEnqueued, taskStarted, taskFinished }).map(
    ([event, signal]) =>
      signal.connect((payload) => {
        if (payload.sender === backend) events.push({ event, ...payload });
      }),
  );
  return {
    events,
    [Symbol.dispose]: () => {
      for (const disconnect of disconnects) disconnect();
    },
  };
}

async function runOnce(backend: Backend, subject: { enqueue(): Promise<{ readonly id: string }> }) {
  await withBackends({ default: backend }, async () => {
    await subject.enqueue();
    if (backend.supports.worker) await (await backend.createWorker({ batch: true })).run();
  });
}

describe.each([
  ["immediate", () => new ImmediateBackend()],
  ["memory", () => new MemoryBackend()],
])("on the %s backend", (_name, create) => {
  it("each is sent once, in order, with the status of the moment and the backend as its sender", async () => {
    for (const [subject, status] of [
      [fine, "SUCCESSFUL"],
      [failing, "FAILED"],
    ] as const) {
      const backend = create();
      using logs = collectLogs();
      using heard = listen(backend);
      await runOnce(backend, subject);
      expect(
        heard.events.map(({ event, taskResult }) => [
          event,
          taskResult.status,
          taskResult.attempts,
        ]),
      ).toEqual([
        ["taskEnqueued", "READY", 0],
        ["taskStarted", "RUNNING", 1],
        ["taskFinished", status, 1],
      ]);
      expect(heard.events.every(({ sender }) => sender === backend)).toBe(true);
      expect(new Set(heard.events.map(({ taskResult }) => taskResult.id)).size).toBe(1);
      expect(logs.length).toBeGreaterThan(0);
    }
  });

  it("each event is logged with the result's id", async () => {
    const backend = create();
    using logs = collectLogs();
    await runOnce(backend, fine);
    const id = logs[0]?.taskId ?? "";
    const about = logs.filter(({ taskId }) => taskId === id);
    expect(about.map(({ level, message }) => [level, message])).toEqual([
      ["debug", `Task id=${id} path=signals.fine enqueued backend=default`],
      ["info", `Task id=${id} path=signals.fine state=RUNNING`],
      ["info", `Task id=${id} path=signals.fine state=SUCCESSFUL`],
    ]);
  });

  it("a failure is logged as an error, with its traceback", async () => {
    using logs = collectLogs();
    await runOnce(create(), failing);
    const id = logs[0]?.taskId ?? "";
    const about = logs.filter(({ taskId }) => taskId === id);
    expect(about.map(({ level }) => level)).toEqual(["debug", "info", "error"]);
    expect(about[1]?.message).toContain("state=RUNNING");
    expect(about[2]?.message).toMatch(/state=FAILED\n\w*Error: no such user\n {4}at /);
  });

  it("a receiver that throws loses nothing, fails nothing and is reported", async () => {
    const backend = create();
    using logs = collectLogs();
    const disconnects = [taskEnqueued, taskStarted, taskFinished].map((signal) =>
      signal.connect(async ({ sender }) => {
        if (sender === backend) throw new Error("receiver is broken");
      }),
    );
    using heard = listen(backend);
    try {
      await runOnce(backend, fine);
      expect(heard.events.map(({ event }) => event)).toEqual([
        "taskEnqueued",
        "taskStarted",
        "taskFinished",
      ]);
      expect(heard.events.at(-1)?.taskResult.status).toBe("SUCCESSFUL");
      expect(logs.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
        "A receiver of taskEnqueued failed.",
        "A receiver of taskStarted failed.",
        "A receiver of taskFinished failed.",
      ]);
    } finally {
      for (const disconnect of disconnects) disconnect();
    }
  });
});

it("async receivers are awaited", async () => {
  const backend = new ImmediateBackend();
  const steps: string[] = [];
  const step = task({ name: "signals.steps" }, () => void steps.push("task"));
  const disconnect = taskStarted.connect(async ({ sender }) => {
    if (sender !== backend) return;
    await new Promise((resolve) => setImmediate(resolve));
    steps.push("receiver");
  });
  await withBackends({ default: backend }, () => step.enqueue());
  disconnect();
  expect(steps).toEqual(["receiver", "task"]);
});

it("a receiver that disconnected hears nothing more", async () => {
  const backend = new DummyBackend();
  let heard = 0;
  const disconnect = taskEnqueued.connect(({ sender }) => {
    if (sender === backend) heard++;
  });
  await withBackends({ default: backend }, async () => {
    await fine.enqueue();
    disconnect();
    await fine.enqueue();
  });
  expect(heard).toBe(1);
});

it("the same events go to the diagnostics channels", async () => {
  const backend = new ImmediateBackend();
  const heard: string[] = [];
  const subscribers = ["enqueued", "started", "finished"].map((event) => {
    const listener = (message: unknown) => {
      const { sender, taskResult } = message as TaskEvent;
      if (sender === backend) heard.push(`${event} ${taskResult.status}`);
    };
    subscribe(`tasks:${event}`, listener);
    return () => unsubscribe(`tasks:${event}`, listener);
  });
  await withBackends({ default: backend }, () => fine.enqueue());
  for (const stop of subscribers) stop();
  expect(heard).toEqual(["enqueued READY", "started RUNNING", "finished SUCCESSFUL"]);
});
