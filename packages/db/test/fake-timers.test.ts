import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";

import { task, withBackends, type TaskContext } from "@tasks/core";
import { drain } from "@tasks/core/testing";
import { DatabaseBackend } from "@tasks/db";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";

const folder = createFolder();
const greet = task({ name: "fake.greet" }, (name: string) => name);

afterEach(() => {
  vi.useRealTimers();
});

it("a locked database is given up after busyLimitMs although timers and clocks are fake", async () => {
  const path = folder.path("locked.db");
  const backend = new DatabaseBackend({ url: `sqlite:${path}`, busyLimitMs: 300 });
  const other = new DatabaseSync(path);
  onTestFinished(async () => {
    other.close();
    await backend.close();
  });
  await backend.migrate();
  other.exec("begin immediate");
  vi.useFakeTimers({
    toFake: ["setTimeout", "setImmediate", "setInterval", "Date", "performance"],
  });
  await withBackends({ default: backend }, async () => {
    await expect(greet.enqueue("Ada")).rejects.toMatchObject({
      code: "TASKS_BACKEND_UNAVAILABLE",
    });
  });
});

it("what a worker gives back is not deferred by a clock that was set back", async () => {
  const backend = new DatabaseBackend({ url: `sqlite:${folder.path("set-back.db")}` });
  onTestFinished(() => backend.close());
  await backend.migrate();
  vi.useFakeTimers({ toFake: ["Date"] });
  let starts = 0;
  const wait = task({ name: "fake.wait", takesContext: true }, async ({ signal }: TaskContext) => {
    starts++;
    if (starts === 1) await once(signal, "abort");
    signal.throwIfAborted();
  });
  await withBackends({ default: backend }, async () => {
    const result = await wait.enqueue();
    const worker = await backend.createWorker({ shutdownTimeoutMs: 0 });
    const run = worker.run();
    await vi.waitFor(() => expect(starts).toBe(1), { timeout: 20_000 });
    vi.setSystemTime(Date.now() - 3_600_000);
    await worker.stop();
    await run;
    await drain();
    expect((await result.refresh()).status).toBe("SUCCESSFUL");
  });
});
