import { InvalidOption, type WorkerOptions } from "@tasks/core";
import { resolveWorkerOptions } from "@tasks/core/worker";
import { expect, it } from "vitest";

it("applies the defaults", () => {
  expect(resolveWorkerOptions()).toEqual({
    queueNames: ["default"],
    excludeQueues: [],
    concurrency: 10,
    intervalMs: 1000,
    batch: false,
    maxTasks: Number.POSITIVE_INFINITY,
    workerId: expect.stringMatching(/^.{1,64}$/),
    startupDelay: false,
    shutdownTimeoutMs: 30_000,
  });
  expect(resolveWorkerOptions().workerId).not.toBe(resolveWorkerOptions().workerId);
});

it("names each queue once", () => {
  expect(resolveWorkerOptions({ queueNames: ["a", "b", "a"] }).queueNames).toEqual(["a", "b"]);
  expect(
    resolveWorkerOptions({ queueNames: ["*"], excludeQueues: ["a", "a", "unknown"] }).excludeQueues,
  ).toEqual(["a", "unknown"]);
});

it.each<[WorkerOptions, string]>([
  [{ workerId: "" }, "Worker id must not be empty"],
  [{ workerId: "x".repeat(65) }, "Worker ids must be shorter than 64 characters"],
  [{ queueNames: [] }, 'queueNames must not be empty. Use ["*"] for all queues.'],
  [{ queueNames: ["*", "a"] }, 'queueNames must be ["*"] alone, or names without "*".'],
  [{ queueNames: ["a b"] }, 'Queue name "a b" is not valid.'],
  [
    { queueNames: ["a"], excludeQueues: ["b"] },
    'excludeQueues can only be used with queueNames ["*"].',
  ],
  [{ concurrency: 0 }, "concurrency must be a whole number between 1 and 10000, not 0."],
  [{ concurrency: 1.5 }, "concurrency must be a whole number between 1 and 10000, not 1.5."],
  [{ maxTasks: 0 }, "maxTasks must be a whole number between 1 and 9007199254740991, not 0."],
  [
    { retention: { minAgeMs: -1 } },
    "retention.minAgeMs must be a number of milliseconds from 0, not -1.",
  ],
  [
    { retention: { failedMinAgeMs: Number.NaN } },
    "retention.failedMinAgeMs must be a number of milliseconds from 0, not NaN.",
  ],
  [{ retention: { queueNames: ["a b"] } }, 'Queue name "a b" is not valid.'],
  [
    { retention: { batchSize: 0 } },
    "retention.batchSize must be a whole number between 1 and 100000, not 0.",
  ],
  [
    { retention: { everyMs: 1 } },
    "retention.everyMs must be a whole number between 100 and 86400000, not 1.",
  ],
  [{ intervalMs: -1 }, "intervalMs must be between 0 and 86400000, not -1."],
  [
    { intervalMs: Number.POSITIVE_INFINITY },
    "intervalMs must be between 0 and 86400000, not Infinity.",
  ],
  [{ shutdownTimeoutMs: Number.NaN }, "shutdownTimeoutMs must be between 0 and 86400000, not NaN."],
])("refuses %j", (options, message) => {
  expect(() => resolveWorkerOptions(options)).toThrow(InvalidOption);
  expect(() => resolveWorkerOptions(options)).toThrow(message);
});

it.each([
  [
    { concurency: 5 },
    'createWorker() does not know the option "concurency". Did you mean "concurrency"?',
  ],
  [
    { retention: { minAge: 5 } },
    'retention does not know the option "minAge". Did you mean "minAgeMs"?',
  ],
])("does not know the option in %j", (options, message) => {
  expect(() => resolveWorkerOptions(options as WorkerOptions)).toThrow(InvalidOption);
  expect(() => resolveWorkerOptions(options as WorkerOptions)).toThrow(message);
});

it("takes a worker id of 64 characters and an interval that is no whole number", () => {
  expect(resolveWorkerOptions({ workerId: "x".repeat(64), intervalMs: 0.5 })).toMatchObject({
    intervalMs: 0.5,
  });
});
