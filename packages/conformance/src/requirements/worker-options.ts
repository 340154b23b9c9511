import assert from "node:assert/strict";

import { InvalidOption, type WorkerOptions } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** What a worker is told when it is made. */
export const workerOptionsRequirements: readonly Requirement[] = [
  refuses("empty-id", { workerId: "" }, /Worker id must not be empty/),
  refuses("long-id", { workerId: "w".repeat(65) }, /Worker ids must be shorter than 64 characters/),
  refuses("exclude-without-all", { excludeQueues: ["a"] }, /excludeQueues/, ["196"]),
  refuses("no-queues", { queueNames: [] }, /queueNames/),
  refuses("bad-queue-name", { queueNames: ["a b"] }, /Queue name/),
  refuses("zero-concurrency", { concurrency: 0 }, /concurrency/),
  refuses("negative-interval", { intervalMs: -1 }, /intervalMs/, ["204"]),
  refuses("infinite-interval", { intervalMs: Infinity }, /intervalMs/, ["205"]),
  refuses("zero-max-tasks", { maxTasks: 0 }, /maxTasks/, ["207"]),
  refuses("negative-shutdown-timeout", { shutdownTimeoutMs: -1 }, /shutdownTimeoutMs/),
  {
    id: "worker-options.unknown",
    sentence: "createWorker refuses an option it does not know.",
    needs: ["worker"],
    test: async (t) => {
      const options = { concurency: 1 } as WorkerOptions;
      await assert.rejects(async () => t.backend.createWorker(options), InvalidOption);
    },
  },
  {
    id: "worker-options.fractional-interval",
    sentence: "An interval may be a fraction of a millisecond, or nothing.",
    needs: ["worker"],
    upstream: ["206"],
    test: async (t) => {
      await t.drain({ intervalMs: 0.1 });
      await t.drain({ intervalMs: 0 });
    },
  },
  {
    id: "worker-options.id",
    sentence:
      "A worker has the id it was given, 64 characters included, and its attempts carry it.",
    needs: ["worker", "getResult"],
    upstream: ["222"],
    test: async (t) => {
      const workerId = "w".repeat(64);
      const result = await t.task(() => null).enqueue();
      await t.drain({ workerId });
      assert.deepEqual((await result.refresh()).workerIds, [workerId]);
    },
  },
  {
    id: "worker-options.default-id",
    sentence: "Without an id a worker makes one of 1 to 64 characters, another one each time.",
    needs: ["worker"],
    test: async (t) => {
      const workers = [await t.backend.createWorker(), await t.backend.createWorker()];
      const ids = workers.map(({ workerId }) => workerId);
      for (const id of ids) assert.ok(id.length >= 1 && id.length <= 64, id);
      assert.notEqual(ids[0], ids[1]);
    },
  },
];

function refuses(
  name: string,
  options: WorkerOptions,
  message: RegExp,
  upstream: readonly string[] = [],
): Requirement {
  const [option, value] = Object.entries(options)[0]!;
  const shown =
    typeof value === "string" && value.length > 20
      ? `${value.length} characters`
      : (JSON.stringify(value) ?? String(value));
  return {
    id: `worker-options.refuses-${name}`,
    sentence: `createWorker refuses ${option} ${value === Infinity ? "Infinity" : shown}.`,
    needs: ["worker"],
    upstream,
    test: async (t) => {
      await assert.rejects(async () => t.backend.createWorker(options), {
        name: InvalidOption.name,
        message,
      });
    },
  };
}
