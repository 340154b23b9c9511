import { task, withBackends } from "@tasks/core";
import type { DatabaseBackend } from "@tasks/db";
import { expect } from "vitest";

/** The lease of backends whose task computes for longer than that. */
export const LEASE_MS = 600;
const greet = task({ name: "all.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "all.once", unique: { scope: "until-finished" } },
  (name: string) => name,
);
const fail = task({ name: "all.fail" }, () => {
  throw new Error("on purpose: 🙂 'quoted' \\ \"text\"");
});
/** Computes for longer than its lease: only a thread keeps it. */
const compute = task({ name: "location.compute" }, () => {
  const untilMs = performance.now() + 2 * LEASE_MS;
  while (performance.now() < untilMs);
  return "done";
});

const ODD = "é 🙂 \\ 'single' \"double\" `back` $1 ? %";

/** Makes every kind of call a backend has, on an empty one, and expects each to work. */
export async function expectAllToWork(backend: DatabaseBackend): Promise<void> {
  await withBackends({ default: backend }, async () => {
    const worker = await backend.createWorker({ intervalMs: 50 });
    const running = worker.run();
    const computed = await compute.enqueue();
    await greet.enqueueMany([["Ada"], ["Grace"]]);
    const odd = await once.enqueue(ODD);
    const failed = await fail.enqueue();
    await computed.wait({ timeoutMs: 20_000 });
    expect(computed).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
    expect(await backend.workers()).toHaveLength(1);
    await odd.wait({ timeoutMs: 10_000 });
    expect(odd).toMatchObject({ status: "SUCCESSFUL", args: [ODD], returnValue: ODD });
    await failed.wait({ timeoutMs: 10_000 });
    expect(failed.errors[0]?.message).toBe("on purpose: 🙂 'quoted' \\ \"text\"");
    await worker.stop();
    await running;
    await backend.pause("default");
    const waiting = await greet.enqueue("Edsger");
    expect(await backend.queues()).toMatchObject([{ name: "default", paused: true, ready: 1 }]);
    expect((await backend.list({ status: "READY" })).results).toHaveLength(1);
    await backend.resume("default");
    expect(await waiting.cancel()).toBe(true);
    expect(await backend.retry(waiting.id)).toBe(true);
    expect(await backend.delete(waiting.id)).toBe(true);
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 4, FAILED: 1 });
    expect(await backend.check()).toEqual([]);
    expect(await backend.prune({ minAgeMs: 0 })).toBe(5);
  });
}
