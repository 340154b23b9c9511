import { setTimeout as sleep } from "node:timers/promises";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { describe, expect, it, vi, type TestContext } from "vitest";

import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import { start } from "./support/processes.ts";
import { servers, type ServerName, type ServerTables } from "./support/servers.ts";

taskLog.connect(() => undefined);

/** A backend at the other end of a network of the test's own, and one nearby on the same tables. */
async function openBehind(
  name: ServerName,
  { onTestFinished }: TestContext,
  options: Partial<DatabaseBackendOptions> = {},
): Promise<{
  readonly network: TcpProxy;
  readonly backend: DatabaseBackend;
  readonly near: DatabaseBackend;
  readonly tables: ServerTables;
}> {
  const tables = await servers[name].createTables();
  const network = await TcpProxy.to(tables.source.url);
  const near = new DatabaseBackend({ ...tables.source, poolSize: 2 });
  await near.migrate();
  const backend = new DatabaseBackend({
    ...tables.source,
    url: network.url,
    poolSize: 4,
    ...options,
  });
  onTestFinished(async () => {
    // After a failure a worker may still run a task, and closing waits until it is recorded.
    network.pass();
    await Promise.all([backend.close(), near.close()]);
    await network[Symbol.asyncDispose]();
    await tables.drop();
  });
  return { network, backend, near, tables };
}

const runs = new Map<string, number>();
const note = task({ name: "network.note" }, async (label: string, ms: number) => {
  runs.set(label, (runs.get(label) ?? 0) + 1);
  await sleep(ms);
  return label;
});

async function timed(action: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action;
  return performance.now() - startedAt;
}

const UNAVAILABLE = { code: "TASKS_BACKEND_UNAVAILABLE" };
const SHORT = { answerLimitMs: 500 };

const NAMES = Object.keys(servers) as ServerName[];

describe.concurrent.each(NAMES)("on %s", (name) => {
  describe("a network that swallows everything", () => {
    it("is noticed by the worker, whose finished task is recorded afterwards, without a second attempt", async (context) => {
      const { network, backend, near } = await openBehind(name, context, {
        ...SHORT,
        leaseMs: 3000,
      });
      await withBackends({ default: backend }, async () => {
        const worker = await backend.createWorker({ intervalMs: 100 });
        const running = worker.run();
        const label = createId();
        const { id } = await note.enqueue(label, 300);
        await vi.waitFor(() => expect(runs.get(label)).toBe(1), { timeout: 5000 });
        network.swallow();
        await sleep(1500);
        network.pass();
        await vi.waitFor(
          async () => expect(await near.readRecord(id)).toMatchObject({ status: "SUCCESSFUL" }),
          { timeout: 6000 },
        );
        expect((await near.readRecord(id))?.workerIds).toHaveLength(1);
        expect(runs.get(label)).toBe(1);
        await worker.stop();
        await running;
      });
    }, 20_000);

    it("is over for the worker soon after it is, long before answerLimitMs", async (context) => {
      const { network, backend, near } = await openBehind(name, context);
      await withBackends({ default: backend }, async () => {
        const worker = await backend.createWorker({ intervalMs: 100 });
        const running = worker.run();
        await note.enqueueMany(Array.from({ length: 100 }, () => [createId(), 20]));
        await vi.waitFor(async () => expect((await near.counts()).SUCCESSFUL).toBeGreaterThan(5), {
          timeout: 20_000,
        });
        network.swallow();
        await sleep(1500);
        network.pass();
        // Two seconds, and those of a busy machine.
        await vi.waitFor(
          async () => expect(await near.counts()).toMatchObject({ SUCCESSFUL: 100 }),
          { timeout: 6000 },
        );
        await worker.stop();
        await running;
      });
    }, 20_000);

    it("is not what a statement suffers from that waits for a lock", async (context) => {
      const { backend, tables } = await openBehind(name, context);
      await withBackends({ default: backend }, async () => {
        const { id } = await note.enqueue(createId(), 0);
        const letGo = await tables.hold(id);
        const cancelled = backend.cancel(id);
        // Long enough for the server to be asked about it more than once.
        await sleep(2500);
        await letGo();
        expect(await cancelled).toBe(true);
      });
    }, 20_000);

    it("does not take the wake-ups of workers away for good", async (context) => {
      const { network, backend, near } = await openBehind(name, context, SHORT);
      await withBackends({ default: backend }, async () => {
        const worker = await backend.createWorker({ intervalMs: 60_000 });
        const running = worker.run();
        await (await note.enqueue(createId(), 0)).wait({ timeoutMs: 5000 });
        network.swallow();
        await sleep(100);
        network.pass();
        await withBackends({ default: near }, async () => {
          await vi.waitFor(
            async () => {
              const result = await note.enqueue(createId(), 0);
              await result.wait({ timeoutMs: 300 });
              expect(result.status).toBe("SUCCESSFUL");
            },
            { timeout: 10_000, interval: 10 },
          );
        });
        await worker.stop();
        await running;
      });
    }, 30_000);

    it("rejects an enqueue with BackendUnavailable after answerLimitMs", async (context) => {
      const { network, backend } = await openBehind(name, context, SHORT);
      await withBackends({ default: backend }, async () => {
        await note.enqueue(createId(), 0);
        network.swallow();
        for (const enqueue of [() => note.enqueue("a", 0), () => note.enqueueMany([["a", 0]])]) {
          const startedAt = performance.now();
          await expect(enqueue()).rejects.toMatchObject(UNAVAILABLE);
          expect(performance.now() - startedAt).toBeLessThan(4000);
        }
      });
    }, 20_000);

    it.for(["swallow", "refuse"] as const)(
      "holds up neither stop() nor close(): %s",
      { timeout: 20_000 },
      async (fault, context) => {
        const { network, backend } = await openBehind(name, context);
        await withBackends({ default: backend }, async () => {
          const worker = await backend.createWorker({ intervalMs: 50, shutdownTimeoutMs: 300 });
          const running = worker.run();
          const waiting = (await note.enqueue(createId(), 0)).wait({ timeoutMs: 20_000 });
          await waiting;
          const hanging = note.enqueue(createId(), 60_000);
          await hanging;
          network[fault]();
          const enqueue = note.enqueue(createId(), 0).catch((error: unknown) => error);
          await sleep(200);
          expect(await timed(worker.stop())).toBeLessThan(300 + 500 + 2000);
          await running;
          expect(await timed(backend.close())).toBeLessThan(8000);
          expect(await enqueue).toMatchObject(UNAVAILABLE);
        });
      },
    );

    it("does not keep a process alive that has given up", async (context) => {
      const { network, tables } = await openBehind(name, context);
      const child = start({ job: "count", ...tables.source, url: network.url, ...SHORT });
      expect(await child.next()).toBe("ready");
      network.swallow();
      network.pass();
      const startedAt = performance.now();
      expect(await child.ended).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(5000);
    }, 20_000);
  });

  describe("a transaction that is left behind", () => {
    it("gives its locks back after answerLimitMs", async (context) => {
      const { network, backend, near, tables } = await openBehind(name, context, SHORT);
      await withBackends({ default: backend }, async () => {
        const calls = Array.from({ length: 50_000 }, (_, index) => [`${index}`, 0] as const);
        const enqueue = note.enqueueMany(calls.map(([label, ms]) => [label, ms])).catch(String);
        await vi.waitFor(async () => expect(await tables.isWriting()).toBe(true), {
          timeout: 10_000,
          interval: 1,
        });
        network.swallow();
        expect(await enqueue).toContain("did not answer");
        await vi.waitFor(async () => expect(await tables.isWriting()).toBe(false), {
          timeout: 3000,
        });
        expect(await near.counts()).toMatchObject({ READY: 0 });
      });
    }, 20_000);

    it("does not keep a worker from taking over what others lost", async (context) => {
      const { near, tables } = await openBehind(name, context);
      await withBackends({ default: near }, async () => {
        const results = await note.enqueueMany(["a", "b", "c"].map((label) => [label, 0]));
        await tables.loseAll();
        const letGo = await tables.hold(results[0]!.id);
        const worker = await near.createWorker({ intervalMs: 50 });
        const running = worker.run();
        await vi.waitFor(
          async () => expect(await near.counts()).toMatchObject({ SUCCESSFUL: 2, RUNNING: 1 }),
          { timeout: 4000 },
        );
        await letGo();
        await results[0]!.wait({ timeoutMs: 4000 });
        await worker.stop();
        await running;
      });
    }, 20_000);
  });

  describe("a server that turns everybody away", () => {
    it("is asked about once a second by each part of a worker, and work resumes within 2 s", async (context) => {
      const { network, backend, near } = await openBehind(name, context, { leaseMs: 3000 });
      await withBackends({ default: backend }, async () => {
        const worker = await backend.createWorker({ intervalMs: 50, concurrency: 2 });
        const running = worker.run();
        // One that runs all the time: running tasks are checked on.
        const held = await note.enqueue(createId(), 6500);
        await vi.waitFor(
          async () => expect(await near.readRecord(held.id)).toMatchObject({ status: "RUNNING" }),
          { timeout: 20_000 },
        );
        network.refuse();
        // The first second is for the quick tries.
        await sleep(1500);
        const before = network.tries;
        await sleep(4000);
        // Six parts: claims, checks, recovery, the lease thread, the timer in its place, the
        // listener.
        const perSecond = (network.tries - before) / 4;
        expect(perSecond).toBeLessThan(6);
        const { id } = await withBackends({ default: near }, () => note.enqueue(createId(), 0));
        network.pass();
        await vi.waitFor(
          async () => expect(await near.readRecord(id)).toMatchObject({ status: "SUCCESSFUL" }),
          { timeout: 2000, interval: 20 },
        );
        await vi.waitFor(
          async () =>
            expect(await near.readRecord(held.id)).toMatchObject({ status: "SUCCESSFUL" }),
          { timeout: 4000, interval: 20 },
        );
        expect((await near.readRecord(held.id))?.workerIds).toHaveLength(1);
        await worker.stop();
        await running;
      });
    }, 30_000);
  });
});
