import { AsyncLocalStorage } from "node:async_hooks";

import {
  currentTask,
  ImmediateBackend,
  MemoryBackend,
  task,
  taskStarted,
  withBackends,
} from "@tasks/core";
import { expect, it, onTestFinished } from "vitest";

const tenant = new AsyncLocalStorage<string>();
const enter = task({ name: "async-context.enter" }, (name: string) => {
  const inherited = tenant.getStore() ?? null;
  tenant.enterWith(name);
  return inherited;
});

it("the worker of a MemoryBackend keeps tasks out of the request that enqueued them", async () => {
  await using backend = new MemoryBackend({ worker: true });
  await withBackends({ default: backend }, async () => {
    for (const name of ["ada", "bob"]) {
      const result = await tenant.run(`request of ${name}`, () => enter.enqueue(name));
      expect((await result.wait()).returnValue).toBeNull();
    }
  });
});

it("the worker of a MemoryBackend keeps the backends of the scope in which it started", async () => {
  await using backend = new MemoryBackend({ worker: true });
  const outer = task(
    { name: "async-context.outer" },
    async () => (await enter.enqueue("inner")).id,
  );
  await withBackends({ default: backend }, async () => {
    const { returnValue } = await (await outer.enqueue()).wait();
    expect((await backend.getResult(returnValue)).taskName).toBe(enter.name);
  });
});

it("receivers of one attempt reach neither the next attempt nor its receivers", async () => {
  const inherited: unknown[] = [];
  onTestFinished(
    taskStarted.connect(({ taskResult: { args } }) => {
      inherited.push(tenant.getStore());
      tenant.enterWith(`receiver for ${JSON.stringify(args[0])}`);
    }),
  );
  await using backend = new MemoryBackend();
  await withBackends({ default: backend }, async () => {
    const results = await enter.enqueueMany([["ada"], ["bob"]]);
    await (await backend.createWorker({ batch: true, concurrency: 1 })).run();
    for (const result of results) await result.refresh();
    expect(inherited).toEqual([undefined, undefined]);
    expect(results.map(({ returnValue }) => returnValue)).toEqual([
      'receiver for "ada"',
      'receiver for "bob"',
    ]);
  });
});

it("attempts that follow each other inside enqueue(), calls and runTask() leave nothing behind", async () => {
  const inherited: unknown[] = [];
  const again = task({ name: "async-context.again", maxAttempts: 3 }, () => {
    inherited.push(tenant.getStore());
    tenant.enterWith("an attempt");
    throw new Error("again");
  });
  await withBackends({ default: new ImmediateBackend() }, () => again.enqueue());
  expect(inherited).toEqual([undefined, undefined, undefined]);
  await enter.call("a call");
  const backend = new MemoryBackend();
  await withBackends({ default: backend }, async () => {
    await backend.runTask((await enter.enqueue("one")).id);
  });
  expect(tenant.getStore()).toBeUndefined();
});

it("listeners of the signal run in the context of their task", async () => {
  const running: unknown[] = [];
  const wait = task({ name: "async-context.wait", takesContext: true }, async ({ signal }) => {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        running.push(currentTask()?.taskResult.taskName);
        resolve();
      });
    });
  });
  await using backend = new MemoryBackend();
  await withBackends({ default: backend }, async () => {
    const worker = await backend.createWorker();
    void worker.run();
    const result = await wait.enqueue();
    await expect.poll(async () => (await result.refresh()).status).toBe("RUNNING");
    await result.cancel();
    await worker.stop();
    expect(running).toEqual([wait.name]);
  });
});
