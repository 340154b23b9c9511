import { createId, task, taskLog, TaskResultDoesNotExist, type TaskResult } from "@tasks/core";
import type { QueueWorker } from "@tasks/core/worker";
import type { RQBackend } from "@tasks/rq";
import { describe, expect, it } from "vitest";

import { openBackend } from "./support/open.ts";
import { createClient } from "./support/redis.ts";

taskLog.connect(() => undefined);
const client = createClient();
const echo = task({ name: "poison.echo", maxLost: 1 }, (text: string) => text);

/** What becomes of the hash of a job. */
type Damage = (job: string, status: string) => Promise<unknown>;

const RUBBISH = ["", "x", "{", "[1,{", "{}", "[]", "null", "-1", "1e999", "9".repeat(400)];
const FIELDS = [
  "data priority timestamp runAfter delay opts workers atm startedAt processedOn finishedOn failures lost maxLost",
  "metadata progress logs errors stacktrace cancel revision uniqueKey uniqueScope returnvalue",
].flatMap((line) => line.split(" "));

const damages: readonly (readonly [string, Damage])[] = [
  ...FIELDS.map((field): [string, Damage] => [`no ${field}`, (job) => client.hdel(job, field)]),
  ...FIELDS.flatMap((field) =>
    RUBBISH.map((text): [string, Damage] => [
      `${field} = ${text.slice(0, 10)}`,
      (job) => client.hset(job, field, text),
    ]),
  ),
  ...["window", "until-finished", "until-started"].map((scope): [string, Damage] => [
    `a scope without a key: ${scope}`,
    (job) => client.hset(job, "uniqueScope", scope),
  ]),
  ["workers of 1 MB", (job) => client.hset(job, "workers", `[${'"w",'.repeat(250_000)}"w"]`)],
  ["errors of 1 MB", (job) => client.hset(job, "errors", `[${"{},".repeat(330_000)}{}]`)],
  ...["", " ", " x", " x y z", " -1 - 1", " 1e5 - 1", ` ${"9".repeat(30)} - 1`, " 0 -"].map(
    (rest): [string, Damage] => [
      `status with '${rest.slice(0, 10)}'`,
      (job, status) => client.hset(job, "status", status + rest),
    ],
  ),
  ["no such status", (job) => client.hset(job, "status", "ASLEEP 0 - 1")],
  ["no text in the status", (job) => client.hset(job, "status", "")],
  ["neither status nor name", (job) => client.hdel(job, "status", "name")],
  ["no job", (job) => client.del(job)],
  ["a text in place of the job", (job) => client.set(job, "text")],
  ["a list in place of the job", (job) => client.del(job).then(() => client.rpush(job, "x"))],
];

interface Scene {
  readonly backend: RQBackend;
  readonly healthy: readonly TaskResult<string>[];
  readonly damaged: ReadonlyMap<string, string>;
  readonly damage: (status: string) => Promise<void>;
}

/** Tasks that are about to be damaged, and healthy ones before, among and behind them. */
async function enqueue(runAfter?: Date): Promise<Scene> {
  const { backend, prefix } = openBackend({ leaseMs: 300 });
  const due = echo.using({ runAfter });
  const healthy = [];
  const damaged = new Map<string, string>();
  for (const [index, [what]] of damages.entries()) {
    if (index % 50 === 0) healthy.push(await due.enqueue("healthy"));
    damaged.set(what, (await due.enqueue(what)).id);
  }
  healthy.push(await due.enqueue("healthy"));
  const damage = async (status: string): Promise<void> => {
    for (const [what, change] of damages) {
      await change(`{${prefix}}:default:${damaged.get(what)}`, status);
    }
  };
  return { backend, healthy, damaged, damage };
}

/**
 * Reads everything, and lets a worker run until the healthy tasks have succeeded.
 *
 * @returns damages whose task did not end, ended without a cause, or could not be read.
 */
async function faultsOf({ backend, healthy, damaged }: Scene): Promise<readonly string[]> {
  const faults = [...(await readAll(backend, damaged))];
  const worker = await backend.createWorker({ intervalMs: 20, concurrency: 50 });
  const running = worker.run();
  for (const result of healthy) await result.wait({ timeoutMs: 20_000 });
  expect(healthy.map(({ returnValue }) => returnValue)).toEqual(healthy.map(() => "healthy"));
  await expect
    .poll(() => backend.counts(), { timeout: 10_000 })
    .toMatchObject({ READY: 0, RUNNING: 0 });
  for (const [what, id] of damaged) {
    const record = await backend.readRecord(id);
    const isOver = record === undefined || record.finishedAt !== null;
    if (!isOver || (record?.status === "FAILED" && record.errors.length === 0)) faults.push(what);
  }
  await worker.stop();
  await running;
  faults.push(...(await readAll(backend, damaged)));
  expect(await backend.prune({ minAgeMs: 0, dryRun: true })).toBeGreaterThan(healthy.length);
  await backend.prune({ minAgeMs: 0 });
  for (const result of healthy) expect(await backend.readRecord(result.id)).toBe(undefined);
  await backend.close();
  return faults;
}

/** @returns damages that kept a task from being read. */
async function readAll(
  backend: RQBackend,
  damaged: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  let cursor: string | undefined;
  do cursor = (await backend.list({ limit: 100, cursor })).nextCursor ?? undefined;
  while (cursor !== undefined);
  await backend.list({ status: "FAILED", limit: 1000 });
  await backend.list({ state: "ready", limit: 1000 });
  await backend.queues();
  await backend.workers();
  const unreadable: string[] = [];
  for (const [what, id] of damaged) {
    await backend.getResult(id).catch((error: unknown) => {
      if (!TaskResultDoesNotExist.is(error)) unreadable.push(what);
    });
  }
  return unreadable;
}

describe("damaged jobs keep no other task from its run, and can be listed, read and pruned", () => {
  it("that are ready", async () => {
    const scene = await enqueue();
    await scene.damage("READY");
    expect(await faultsOf(scene)).toEqual([]);
  }, 60_000);

  it("that fall due", async () => {
    const dueAt = new Date(Date.now() + 3000);
    const scene = await enqueue(dueAt);
    await scene.damage("READY");
    await expect.poll(() => Date.now(), { timeout: 5000 }).toBeGreaterThan(dueAt.getTime());
    expect(await faultsOf(scene)).toEqual([]);
  }, 60_000);

  it("whose worker is gone", async () => {
    const scene = await enqueue();
    const { store } = (await scene.backend.createWorker()) as QueueWorker;
    const session = {
      sessionId: createId(),
      workerId: createId(),
      concurrency: 1000,
      leaseMs: 300,
      queueNames: ["default"],
    };
    const served = { queueNames: ["default"], excludeQueues: [], taskNames: [echo.name] };
    const claimed = await store.claim({ session, limit: 1000, ...served });
    expect(claimed).toHaveLength(scene.healthy.length + scene.damaged.size);
    await scene.damage("RUNNING");
    expect(await faultsOf(scene)).toEqual([]);
  }, 60_000);
});
