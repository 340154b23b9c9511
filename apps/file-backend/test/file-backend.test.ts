import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import {
  BackendUnavailable,
  createId,
  InvalidOption,
  task,
  taskLog,
  withBackends,
} from "@tasks/core";
import { FileBackend } from "@tasks/file-backend";
import { expect, onTestFinished, test } from "vitest";

import { temporaryFolder } from "./support/temporary-folder.ts";

const greet = task({ name: "file_backend.greet" }, async (name: string) => `Hello, ${name}!`);
const greetOnce = task(
  { name: "file_backend.greet_once", unique: { scope: "until-finished" } },
  async (name: string) => `Hello, ${name}!`,
);

async function openBackend(): Promise<{ folder: string; backend: FileBackend }> {
  const folder = await temporaryFolder();
  return { folder, backend: new FileBackend({ folder }) };
}

async function runReady(backend: FileBackend): Promise<void> {
  await (await backend.createWorker({ batch: true })).run();
}

test("a task is a folder, and every change of its state a file that stays", async () => {
  const { folder, backend } = await openBackend();
  const result = await withBackends({ default: backend }, () => greet.enqueue("Ada"));
  await runReady(backend);

  const path = join(folder, "default", "tasks", result.id);
  const files = (await readdir(path)).sort();
  const statuses = files.map(async (name) => {
    const { record } = JSON.parse(await readFile(join(path, name), "utf8")) as {
      record: { status: string };
    };
    return record.status;
  });
  expect(files).toEqual(["1.json", "2.json", "3.json"]);
  expect(await Promise.all(statuses)).toEqual(["READY", "RUNNING", "SUCCESSFUL"]);
});

test.for([
  ["cut off", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  ["not JSON", () => "}{"],
  ["of another shape", () => "[]"],
  ["without a record", () => '{"sequence":1,"fence":0,"sessionId":null}'],
  ["of an unknown status", (text: string) => text.replace("READY", "STEADY")],
  ["with a negative count", (text: string) => text.replace('"failures":0', '"failures":-1')],
  [
    "with a time that is none",
    (text: string) => text.replace(/"enqueuedAt":"[^"]*"/, '"enqueuedAt":"soon"'),
  ],
] as const)(
  "a file that is %s is left alone, reported once, and harms no other task",
  async ([, damage]) => {
    const { folder, backend } = await openBackend();
    const reports: string[] = [];
    onTestFinished(
      taskLog.connect(({ level, message }) => {
        if (level === "error" && message.includes(folder)) reports.push(message);
      }),
    );
    const [broken, sound] = await withBackends({ default: backend }, () =>
      greet.enqueueMany([["Ada"], ["Grace"]]),
    );
    const path = join(folder, "default", "tasks", broken!.id, "1.json");
    await writeFile(path, damage(await readFile(path, "utf8")));

    // A process that has not seen the file while it was whole.
    const reader = new FileBackend({ folder });
    await runReady(reader);

    expect((await reader.getResult(sound!.id)).status).toBe("SUCCESSFUL");
    expect((await reader.list()).results.map(({ id }) => id)).toEqual([sound!.id]);
    await expect(reader.getResult(broken!.id)).rejects.toMatchObject({
      code: "TASKS_FILE_DAMAGED",
    });
    expect(reports).toEqual([expect.stringContaining(path)]);
    expect(await reader.check()).toMatchObject([
      { level: "error", id: "tasks.file.E001", text: expect.stringContaining(path) },
    ]);
  },
);

test("a repaired file is a task again", async () => {
  const { folder, backend } = await openBackend();
  onTestFinished(taskLog.connect(() => {}));
  const result = await withBackends({ default: backend }, () => greet.enqueue("Ada"));
  const path = join(folder, "default", "tasks", result.id, "1.json");
  const text = await readFile(path, "utf8");
  const reader = new FileBackend({ folder });
  await writeFile(path, "");
  await expect(reader.getResult(result.id)).rejects.toThrow("damaged");

  await writeFile(path, text);

  expect((await reader.getResult(result.id)).status).toBe("READY");
  expect(await reader.check()).toEqual([]);
});

test("a key whose taker died before its task appeared leads to that task, not to a second one", async () => {
  const { folder, backend } = await openBackend();
  await withBackends({ default: backend }, async () => {
    const first = await greetOnce.enqueue("Ada");
    // As after a crash between taking the key and publishing the task.
    await rename(
      join(folder, "default", "tasks", first.id),
      join(folder, "default", "staging", first.id),
    );
    expect((await backend.list()).results).toEqual([]);

    const second = await greetOnce.enqueue("Ada");

    expect(second).toMatchObject({ id: first.id, deduplicated: true });
    expect((await backend.list()).results.map(({ id }) => id)).toEqual([first.id]);
  });
});

test("nothing is left behind where a duplicate was staged", async () => {
  const { folder, backend } = await openBackend();
  await withBackends({ default: backend }, async () => {
    await greetOnce.enqueue("Ada");
    await Promise.all(Array.from({ length: 10 }, () => greetOnce.enqueue("Ada")));
  });
  expect(await readdir(join(folder, "default", "staging"))).toEqual([]);
  expect(await readdir(join(folder, "default", "tasks"))).toHaveLength(1);
});

test("options that counts() does not know are refused", async () => {
  const { backend } = await openBackend();
  const counting = backend.counts({ queue: "emails" } as never);
  await expect(counting).rejects.toThrow(
    new InvalidOption('counts() does not know the option "queue". It takes: queueName.'),
  );
});

test("an id that is a path finds nothing", async () => {
  const { backend } = await openBackend();
  for (const id of ["..", "../tasks", "a/b", "", ".", "1.json", createId() + "/.."]) {
    expect(await backend.readRecord(id)).toBeUndefined();
  }
});

test("a folder that cannot be written to is BackendUnavailable, with its path and the reason", async () => {
  const { folder } = await openBackend();
  const file = join(folder, "file.txt");
  await writeFile(file, "");
  const backend = new FileBackend({ folder: file });
  const enqueue = withBackends({ default: backend }, () => greet.enqueue("Ada"));
  await expect(enqueue).rejects.toSatisfy((error) => BackendUnavailable.is(error));
  await expect(enqueue).rejects.toThrow(/file\.txt.*ENOTDIR/);
});
