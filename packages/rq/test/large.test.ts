import { configureTasks, task, taskLog, type TaskResult } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { RedisServer } from "./support/redis-server.ts";

const troubles: string[] = [];
taskLog.connect(({ message }) => {
  if (message.includes("trying again")) troubles.push(message);
});
const folder = createFolder();

let begun = 0;
let open: () => void = () => undefined;
let gate = Promise.resolve();
function closeGate(): void {
  begun = 0;
  gate = new Promise<void>((resolve) => (open = resolve));
}

/** All that run end at the same moment. */
const produce = task({ name: "large.produce" }, async (length: number) => {
  begun++;
  await gate;
  return "x".repeat(length);
});
const fail = task({ name: "large.fail" }, async (_text: string): Promise<null> => {
  begun++;
  await gate;
  throw new Error("on purpose");
});

async function start(...settings: string[]): Promise<{
  readonly backend: RQBackend;
  /** Another one on the same server, whose connection nobody cuts. */
  readonly reader: RQBackend;
  readonly client: Redis;
}> {
  const server = await RedisServer.start(folder.path(`large-${performance.now()}`), ...settings);
  const client = new Redis(server.url);
  const backend = new RQBackend({ url: server.url, maxPayloadBytes: 8_000_000, leaseMs: 60_000 });
  const reader = new RQBackend({ url: server.url });
  configureTasks({ backends: { default: backend } });
  onTestFinished(async () => {
    await Promise.all([backend.close(), reader.close()]);
    client.disconnect();
  });
  return { backend, reader, client };
}

/** Runs tasks that end together, and resolves when all are finished. */
async function runTogether(
  backend: RQBackend,
  reader: RQBackend,
  results: readonly TaskResult[],
): Promise<void> {
  const worker = await backend.createWorker({ concurrency: results.length });
  const done = worker.run();
  await expect.poll(() => begun, { timeout: 30_000 }).toBe(results.length);
  open();
  await expect
    .poll(() => reader.counts(), { timeout: 60_000 })
    .toMatchObject({ READY: 0, RUNNING: 0 });
  await worker.stop();
  await done;
}

const lengths = (count: number, length: number): [number][] =>
  Array.from({ length: count }, () => [length]);

describe("many large outcomes at the same moment", () => {
  it("are stored in pieces that a server takes", async () => {
    const { backend, reader } = await start("--client-query-buffer-limit", "8mb");
    closeGate();
    await runTogether(backend, reader, await produce.enqueueMany(lengths(40, 1_000_000)));
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 40, FAILED: 0 });
    expect(troubles).toEqual([]);
  }, 60_000);

  it("are stored if they are failures of tasks with large arguments, which nobody reads for that", async () => {
    const { backend, reader, client } = await start();
    closeGate();
    const texts = Array.from({ length: 30 }, () => ["x".repeat(1_000_000)] as [string]);
    const results = [];
    for (const text of texts) results.push(await fail.enqueue(...text));
    const sentBefore = /total_net_output_bytes:(\d+)/.exec(await client.info("stats"))![1];
    await runTogether(backend, reader, results);
    const sent = /total_net_output_bytes:(\d+)/.exec(await client.info("stats"))![1];
    // Once for the claim.
    expect(Number(sent) - Number(sentBefore)).toBeLessThan(40_000_000);
    expect((await backend.getResult(results[0]!.id)).args).toEqual(texts[0]);
  }, 60_000);
});

describe("one outcome that the server cannot take", () => {
  it.each([
    ["closes the connection", ["--client-query-buffer-limit", "2mb"]],
    ["says so", ["--proto-max-bulk-len", "2mb"]],
  ])(
    "ends FAILED with its cause, and holds up no other, when the server %s",
    async (_what, settings) => {
      const { backend, reader } = await start(...settings);
      closeGate();
      const [large, ...others] = await produce.enqueueMany([[4_000_000], ...lengths(20, 1000)]);
      await runTogether(backend, reader, [large!, ...others]);
      expect(await reader.counts()).toMatchObject({ SUCCESSFUL: others.length, FAILED: 1 });
      const failed = await reader.getResult(large!.id);
      expect(failed).toMatchObject({ status: "FAILED", attempts: 1 });
      expect(failed.errors[0]!.exceptionClass).toMatch(/BackendUnavailable|InvalidTask/);
    },
    90_000,
  );
});
