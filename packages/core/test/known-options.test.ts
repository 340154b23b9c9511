import {
  assertKnownOptions,
  configureTasks,
  DummyBackend,
  ImmediateBackend,
  InvalidOption,
  MemoryBackend,
  runTask,
  task,
} from "@tasks/core";
import { OutboxBackend } from "@tasks/core/outbox";
import { drain, enqueued, expectEnqueued } from "@tasks/core/testing";
import { expect, it } from "vitest";

const subject = task({ name: "known-options.subject" }, () => null);

const known = { url: 1, queues: 1, tablePrefix: 1, minAgeMs: 1 };
const check = (option: string) => (): void =>
  assertKnownOptions("new AcmeBackend()", { [option]: 1 } as Partial<typeof known>, known);

it("lets known options pass", () => {
  for (const option of Object.keys(known)) expect(check(option)).not.toThrow();
});

it.each([
  ["ulr", "url"],
  ["uri", "url"],
  ["queue", "queues"],
  ["table_prefix", "tablePrefix"],
  ["tableprefix", "tablePrefix"],
  ["minAge", "minAgeMs"],
  ["minAegMs", "minAgeMs"],
])("asks who wrote %s whether it was to be %s", (option, meant) => {
  expect(check(option)).toThrow(
    new InvalidOption(
      `new AcmeBackend() does not know the option "${option}". Did you mean "${meant}"? It takes: url, queues, tablePrefix, minAgeMs.`,
    ),
  );
});

it.each(["ssl", "database", "constructor", "toString", "__proto__x", ""])(
  "finds nothing near %j",
  (option) => {
    expect(check(option)).toThrow(
      new InvalidOption(
        `new AcmeBackend() does not know the option "${option}". It takes: url, queues, tablePrefix, minAgeMs.`,
      ),
    );
  },
);

it("takes no time for names of any length", () => {
  expect(check("a".repeat(100_000))).toThrow(
    /^new AcmeBackend\(\) does not know the option "a{200}"\. It takes/,
  );
});

it.each<[string, () => unknown, string]>([
  ["configureTasks()", () => configureTasks({ backend: {} } as never), "backends"],
  ["new ImmediateBackend()", () => new ImmediateBackend({ queue: [] } as never), "queues"],
  ["new DummyBackend()", () => new DummyBackend({ support: {} } as never), "supports"],
  [
    "supports of DummyBackend",
    () => new DummyBackend({ supports: { defers: false } } as never),
    "defer",
  ],
  ["drain()", () => drain({ limits: 5 } as never), "limit"],
  ["enqueued()", () => enqueued({ tasks: subject } as never), "task"],
  ["expectEnqueued()", () => expectEnqueued({ task: subject, arg: [] } as never), "args"],
  ["runTask()", () => runTask("1", { backends: "a" } as never), "backend"],
  ["new MemoryBackend()", () => new MemoryBackend({ workers: true } as never), "worker"],
  [
    "new OutboxBackend()",
    () => {
      const backend = new DummyBackend({ supports: { transaction: "atomic", worker: true } });
      return new OutboxBackend({ target: backend, outbox: backend, queue: "x" } as never);
    },
    "",
  ],
])("%s refuses what it does not know", async (where, callIt, meant) => {
  const hint = meant === "" ? "" : ` Did you mean "${meant}"?`;
  const call = async (): Promise<unknown> => callIt();
  await expect(call()).rejects.toThrow(InvalidOption);
  await expect(call()).rejects.toThrow(where);
  await expect(call()).rejects.toThrow(`.${hint} It takes: `);
});

it.each<[string, (backend: MemoryBackend) => Promise<unknown>, string]>([
  ["list()", (backend) => backend.list({ state: "ready", limits: 5 } as never), "limit"],
  ["prune()", (backend) => backend.prune({ dryrun: true } as never), "dryRun"],
  [
    "createWorker()",
    (backend) => backend.createWorker({ queueName: ["a"] } as never),
    "queueNames",
  ],
])("%s of a backend refuses what it does not know", async (where, call, meant) => {
  await using backend = new MemoryBackend();
  await expect(call(backend)).rejects.toThrow(InvalidOption);
  await expect(call(backend)).rejects.toThrow(where);
  await expect(call(backend)).rejects.toThrow(`Did you mean "${meant}"?`);
});

it("wait() of a result refuses what it does not know", async () => {
  await using config = configureTasks({ backends: { default: new MemoryBackend() } });
  const result = await task({ name: "known-options.wait" }, () => null).enqueue();
  await expect(result.wait({ timeout: 5 } as never)).rejects.toThrow(
    'wait() does not know the option "timeout". Did you mean "timeoutMs"?',
  );
  expect(config.backends.aliases()).toEqual(["default"]);
});
