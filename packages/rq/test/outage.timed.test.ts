import { BackendUnavailable, createId, task, taskLog, type TaskResult } from "@tasks/core";
import type { QueueWorker } from "@tasks/core/worker";
import { afterCommit } from "@tasks/rq";
import { describe, expect, it, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const within = (ms: number): { readonly timeout: number; readonly interval: number } => ({
  timeout: ms,
  interval: 10,
});
const startServer = (...extra: readonly string[]): Promise<RedisServer> =>
  RedisServer.start(folder.path(createId()), ...extra);

const echo = task({ name: "outage.echo" }, (text: string) => text);
const gates = new Map<string, () => void>();
const hold = task({ name: "outage.hold" }, async (name: string) => {
  await new Promise<void>((resolve) => gates.set(name, resolve));
  return name;
});

/** Milliseconds until a step is over, whatever comes of it. */
async function durationOf(step: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await step.catch(() => undefined);
  return performance.now() - startedAt;
}

describe("a server that is killed", () => {
  it("and returns: the worker goes on within two seconds, and a result that ended meanwhile is kept", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    const worker = await backend.createWorker({ intervalMs: 200 });
    const running = worker.run();
    const held = await hold.enqueue("restart");
    await vi.waitFor(() => expect(gates.has("restart")).toBe(true), within(5000));
    const waiting = await echo.using({ runAfter: { milliseconds: 500 } }).enqueue("due meanwhile");
    await server.kill();
    gates.get("restart")!();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await server.start();
    const backAt = performance.now();
    await vi.waitFor(async () => {
      expect((await waiting.refresh()).status).toBe("SUCCESSFUL");
      expect((await held.refresh()).status).toBe("SUCCESSFUL");
    }, within(5000));
    expect(performance.now() - backAt).toBeLessThan(2000);
    expect([held.attempts, held.errors]).toEqual([1, []]);
    await worker.stop();
    await running;
    await backend.close();
  }, 30_000);

  it("and stays away: calls reject in bounded time as BackendUnavailable, and nothing of them is done later", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    await echo.enqueue("before");
    await server.kill();
    let refused: Promise<TaskResult>[] = [];
    const took = await durationOf(
      Promise.allSettled((refused = [echo.enqueue("lost"), echo.enqueue("lost too")])),
    );
    expect(took).toBeLessThan(4000);
    for (const call of refused) {
      await expect(call).rejects.toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    }
    await server.start();
    expect((await backend.list()).results.map(({ args }) => args)).toEqual([["before"]]);
    await backend.close();
  }, 30_000);

  it("does not hold up close(), nor the stop of a worker beyond its deadline", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    const worker = await backend.createWorker({ shutdownTimeoutMs: 300 });
    const running = worker.run();
    await hold.enqueue("stuck");
    await vi.waitFor(() => expect(gates.has("stuck")).toBe(true), within(5000));
    await server.kill();
    expect(await durationOf(worker.stop())).toBeLessThan(300 + 500);
    await running;
    void echo.enqueue("on its way").catch(() => undefined);
    expect(await durationOf(backend.close())).toBeLessThan(1500);
  }, 30_000);
});

describe("a server that is silent", () => {
  it("is given up after commandTimeoutMs, and asked again over a new connection", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url, commandTimeoutMs: 300 });
    await echo.enqueue("before");
    server.freeze(true);
    const silent = echo.enqueue("silent");
    await expect(silent).rejects.toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    const closed = openBackend({ url: server.url, commandTimeoutMs: 300 }).backend;
    void closed.counts().catch(() => undefined);
    expect(await durationOf(closed.close())).toBeLessThan(1500);
    server.freeze(false);
    await vi.waitFor(async () => {
      expect((await backend.counts()).READY).toBeGreaterThanOrEqual(1);
    }, within(5000));
    await backend.close();
  }, 30_000);

  it("may carry out a claim whose answer is lost: the next claim of the same session finds its tasks again", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url, commandTimeoutMs: 300, leaseMs: 60_000 });
    const { store } = (await backend.createWorker()) as QueueWorker;
    const queueNames = ["default"];
    const session = {
      sessionId: createId(),
      workerId: "w",
      queueNames,
      concurrency: 1,
      leaseMs: 60_000,
    };
    const taskNames = [echo.name];
    const request = { session, limit: 1, queueNames, excludeQueues: [], taskNames };
    await store.register(session);
    // So that the server knows the script.
    expect(await store.claim(request)).toEqual([]);
    const { id } = await echo.enqueue("twice claimed");
    server.freeze(true);
    await expect(store.claim(request)).rejects.toThrow(BackendUnavailable);
    server.freeze(false);
    await vi.waitFor(async () => expect((await backend.counts()).RUNNING).toBe(1), within(5000));
    expect(await store.claim(request)).toMatchObject([{ id, fence: 2, attempt: 1 }]);
    await backend.close();
  }, 30_000);
});

describe("a transaction", () => {
  it("whose tasks cannot be stored after the commit says so", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    await echo.enqueue("before");
    const committed = afterCommit(async (transaction) => {
      await echo.using({ transaction }).enqueue("too late");
      await server.kill();
    });
    await expect(committed).rejects.toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    await backend.close();
  }, 30_000);
});
