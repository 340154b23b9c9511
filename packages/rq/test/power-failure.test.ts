import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { createId, task, taskLog } from "@tasks/core";
import type { ClaimedTask, Completion, QueueWorker } from "@tasks/core/worker";
import type { RQBackend } from "@tasks/rq";
import { describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const echo = task({ name: "power-failure.echo" }, (text: string) => text);

/** A server whose power fails: what it wrote since a moment is gone. */
async function startServer(): Promise<{
  readonly url: string;
  readonly remember: () => void;
  readonly fail: () => Promise<void>;
}> {
  const path = folder.path(createId());
  const server = await RedisServer.start(path);
  const log = (): string => {
    const logs = join(path, "appendonlydir");
    return join(
      logs,
      readdirSync(logs).find((name) => name.endsWith(".incr.aof"))!,
    );
  };
  let size = 0;
  return {
    url: server.url,
    remember: () => {
      size = statSync(log()).size;
    },
    fail: async () => {
      await server.kill();
      truncateSync(log(), size);
      await server.start();
    },
  };
}

/** A worker of whom each step is told. */
async function createPuppet(backend: RQBackend): Promise<{
  readonly claim: () => Promise<ClaimedTask>;
  readonly succeed: (claimed: ClaimedTask) => Promise<unknown>;
  readonly retry: (claimed: ClaimedTask) => Promise<unknown>;
  readonly check: (claimed: ClaimedTask) => Promise<unknown>;
}> {
  const { store } = (await backend.createWorker()) as QueueWorker;
  const leased = { concurrency: 1, leaseMs: 60_000, queueNames: ["default"] };
  const session = { sessionId: createId(), workerId: createId(), ...leased };
  const served = { queueNames: ["default"], excludeQueues: [], taskNames: [echo.name] };
  const complete = ({ id, fence }: ClaimedTask, outcome: Completion["outcome"]): Promise<unknown> =>
    store.complete([
      { id, fence, sessionId: session.sessionId, outcome, changes: null, cancelled: false },
    ]);
  return {
    claim: async () => {
      await store.register(session);
      const [claimed] = await store.claim({ session, limit: 1, ...served });
      return claimed!;
    },
    succeed: (claimed) =>
      complete(claimed, { type: "successful", returnValue: 1, returnValueJson: "1" }),
    retry: (claimed) => complete(claimed, { type: "snooze", delayMs: 0 }),
    check: ({ id, fence }) => store.checkAttempts(session, [{ id, fence }]),
  };
}

describe("a server that forgets the claim of a task in a power failure", () => {
  it("lets the next to claim it end it, and not the one whose claim was forgotten", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    onTestFinished(() => backend.close());
    const [forgotten, heir] = [await createPuppet(backend), await createPuppet(backend)];
    const { id } = await echo.enqueue("twice begun");
    server.remember();
    const first = await forgotten.claim();
    await server.fail();
    const second = await heir.claim();
    expect([first.id, second.id]).toEqual([id, id]);
    expect(await forgotten.check(first)).toEqual({ cancelled: [], lost: [id], paused: [] });
    expect(await heir.check(second)).toEqual({ cancelled: [], lost: [], paused: [] });
    expect(await forgotten.succeed(first)).toEqual(["lost"]);
    expect(await heir.succeed(second)).toEqual(["recorded"]);
    // Its answer may have been lost on the way.
    expect(await heir.succeed(second)).toEqual(["recorded"]);
    expect(await forgotten.succeed(first)).toEqual(["lost"]);
  }, 20_000);

  it("takes no other outcome from the one whose claim was forgotten either", async () => {
    const server = await startServer();
    const { backend } = openBackend({ url: server.url });
    onTestFinished(() => backend.close());
    const [forgotten, heir] = [await createPuppet(backend), await createPuppet(backend)];
    const { id } = await echo.enqueue("twice begun");
    server.remember();
    const first = await forgotten.claim();
    await server.fail();
    const second = await heir.claim();
    expect(await forgotten.retry(first)).toEqual(["lost"]);
    expect((await backend.getResult(id)).status).toBe("RUNNING");
    expect(await heir.retry(second)).toEqual(["recorded"]);
  }, 20_000);
});
