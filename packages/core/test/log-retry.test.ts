import { ImmediateBackend, MemoryBackend, task, withBackends } from "@tasks/core";
import { expect, it } from "vitest";

import { collectLogs } from "./support/logs.ts";

const fails = task(
  { name: "log-retry.fails", maxAttempts: 2, backoff: { delayMs: 0 } },
  (): null => {
    throw new RangeError("too far");
  },
);

it("warns of a failed attempt that is followed by another, and leaves the last one to its own message", async () => {
  const backend = new MemoryBackend();
  await withBackends({ default: backend }, async () => {
    const { id } = await fails.enqueue();
    using logs = collectLogs();
    await (await backend.createWorker({ batch: true })).run();
    expect(logs.filter(({ level }) => level === "warn")).toMatchObject([
      {
        message: `Task id=${id} path=log-retry.fails attempt=1 failed, next in 0 ms: RangeError: too far`,
        taskId: id,
      },
    ]);
    expect(logs.findLast(({ taskId }) => taskId === id)?.level).toBe("error");
  });
});

it("warns inside an enqueue that runs the task too", async () => {
  using logs = collectLogs();
  await withBackends({ default: new ImmediateBackend() }, async () => {
    const { id } = await fails.enqueue();
    expect(logs.filter(({ level, taskId }) => level === "warn" && taskId === id)).toHaveLength(1);
  });
});
