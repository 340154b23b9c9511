import { createId, task, taskLog, withBackends, type EnqueueRequest } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { describe, expect, it, onTestFinished } from "vitest";

import { createClient, deleteKeys, redisUrl } from "./support/redis.ts";

taskLog.connect(() => undefined);
const client = createClient();

const gates = new Map<string, () => void>();
const hold = task({ name: "enqueuer.hold" }, async (label: string) => {
  await new Promise<void>((resolve) => gates.set(label, resolve));
  return label;
});
const unique = task(
  { name: "enqueuer.unique", unique: { scope: "until-finished", onConflict: "reject" } },
  (label: string) => label,
);

/** Remembers what it was asked to store, so that it can be sent again, as by a client whose connection broke or by a relay that runs twice. */
class RememberingBackend extends RQBackend {
  readonly requests: EnqueueRequest[] = [];

  override enqueue(request: EnqueueRequest): ReturnType<RQBackend["enqueue"]> {
    this.requests.push(request);
    return super.enqueue(request);
  }

  override enqueueMany(requests: readonly EnqueueRequest[]): ReturnType<RQBackend["enqueueMany"]> {
    this.requests.push(...requests);
    return super.enqueueMany(requests);
  }
}

function open(): RememberingBackend {
  const prefix = `t${createId()}`;
  const backend = new RememberingBackend({ url: redisUrl(), prefix });
  onTestFinished(async () => {
    await backend.close();
    await deleteKeys(client, prefix);
  });
  return backend;
}

describe("an enqueue that is sent again", () => {
  it("stores nothing the second time, alone and in a batch, and is answered as stored", async () => {
    const backend = open();
    const inBackend = <T>(run: () => Promise<T>): Promise<T> =>
      withBackends({ default: backend }, run);
    await inBackend(() => hold.enqueue("alone"));
    await inBackend(() => hold.enqueueMany([["first"], ["second"]]));
    const [alone, ...batch] = [...backend.requests];
    expect(await backend.enqueue(alone!)).toMatchObject({
      deduplicated: false,
      record: { id: alone!.id, status: "READY" },
    });
    expect(await backend.enqueueMany(batch)).toMatchObject([
      { deduplicated: false, record: { id: batch[0]!.id } },
      { deduplicated: false, record: { id: batch[1]!.id } },
    ]);
    expect((await backend.counts()).READY).toBe(3);
    expect((await backend.list()).results).toHaveLength(3);
  });

  it("leaves a task alone that runs or is finished by then", async () => {
    const backend = open();
    const label = createId();
    const result = await withBackends({ default: backend }, () => hold.enqueue(label));
    const worker = await backend.createWorker();
    const running = worker.run();
    await expect.poll(() => gates.has(label), { timeout: 5000 }).toBe(true);
    await backend.enqueue(backend.requests[0]!);
    expect(await backend.counts()).toMatchObject({ READY: 0, RUNNING: 1 });
    gates.get(label)!();
    await result.wait({ timeoutMs: 5000 });
    await backend.enqueue(backend.requests[0]!);
    expect(await backend.counts()).toMatchObject({ READY: 0, RUNNING: 0, SUCCESSFUL: 1 });
    await result.refresh();
    expect([result.status, result.returnValue, result.attempts]).toEqual(["SUCCESSFUL", label, 1]);
    await worker.stop();
    await running;
  }, 15_000);

  it("is no duplicate of itself", async () => {
    const backend = open();
    await withBackends({ default: backend }, async () => {
      await unique.enqueue("single");
      await unique.enqueueMany([["of"], ["many"]]);
    });
    const [single, ...batch] = [...backend.requests];
    expect((await backend.enqueue(single!)).deduplicated).toBe(false);
    const again = await backend.enqueueMany(batch);
    expect(again.map(({ deduplicated }) => deduplicated)).toEqual([false, false]);
    expect((await backend.counts()).READY).toBe(3);
  });
});
