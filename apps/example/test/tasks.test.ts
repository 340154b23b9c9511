import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";

import { taskStarted } from "@tasks/core";
import { expect, onTestFinished, test } from "vitest";

import {
  backend,
  databaseFile,
  enqueueDocuments,
  indexDocument,
  readStatistics,
  refreshFolder,
  SearchIndex,
  startTasksCommand,
} from "./support/application.ts";
import { folderOf, LATIN_1 } from "./support/temporary-folder.ts";

async function runWorker(): Promise<void> {
  const worker = await backend.createWorker({ queueNames: ["*"], intervalMs: 20 });
  const done = worker.run();
  onTestFinished(async () => {
    await worker.stop();
    await done;
  });
}

function openIndex(): ReturnType<typeof SearchIndex.open> {
  const index = SearchIndex.open(5000);
  onTestFinished(() => index[Symbol.dispose]());
  return index;
}

/** Resolves when the event loop has stood still for so long, as it does while a statement waits for a lock. */
async function afterStandstill(ms: number): Promise<void> {
  for (let turnMs = 0; turnMs < ms;) {
    const before = performance.now();
    await setImmediate();
    turnMs = performance.now() - before;
  }
}

test("a document becomes findable, with its title, words and links", async () => {
  const folder = await folderOf({
    "a.md": "# Otters\n\nThey [hold hands](https://otters.example).",
  });
  const { results, statistics } = await enqueueDocuments(folder);
  await runWorker();
  await statistics!.wait();

  await results[0]!.refresh();
  expect(results[0]!.returnValue).toEqual({ title: "Otters", words: 4, links: 1 });
  expect(openIndex().search("otters hands", 5)).toEqual([
    { path: join(folder, "a.md"), title: "Otters", passage: expect.stringContaining("[hands]") },
  ]);
  expect(readStatistics(openIndex(), folder)).toMatchObject({
    indexed: 1,
    words: 4,
    links: 1,
    problems: [],
    topHosts: [{ name: "otters.example", count: 1 }],
  });
});

test("a search covers all folders, or one", async () => {
  const [here, there] = [
    await folderOf({ "a.md": "# Walrus" }),
    await folderOf({ "b.md": "# Walrus" }),
  ];
  await runWorker();
  for (const folder of [here, there]) await (await enqueueDocuments(folder)).statistics!.wait();

  expect(openIndex().search("walrus", 5)).toHaveLength(2);
  const hits = openIndex().search("walrus", 5, there);
  expect(hits.map(({ path }) => path)).toEqual([join(there, "b.md")]);
});

test("a broken file fails at once, in words, and holds up nobody", async () => {
  const folder = await folderOf({ "broken.md": LATIN_1, "sound.md": "# Sound" });
  const { results, statistics } = await enqueueDocuments(folder);
  await runWorker();
  await statistics!.wait();

  const [broken, sound] = await Promise.all(results.map((result) => result.refresh()));
  expect(sound!.status).toBe("SUCCESSFUL");
  expect(broken).toMatchObject({ status: "FAILED", attempts: 1 });
  expect(broken!.errors[0]!.message).toMatch(/broken\.md is not UTF-8 text\. Convert it/);
  expect(readStatistics(openIndex(), folder)).toMatchObject({
    files: 2,
    indexed: 1,
    problems: [{ path: join(folder, "broken.md"), problem: broken!.errors[0]!.message }],
  });
});

test("a task that finds the index locked is tried again", async () => {
  const folder = await folderOf({ "a.md": "# Locked out" });
  const { results } = await enqueueDocuments(folder);
  const other = new DatabaseSync(databaseFile);
  onTestFinished(() => other.close());
  let locks = 0;
  onTestFinished(
    taskStarted.connect(({ taskResult }) => {
      if (taskResult.id !== results[0]!.id || locks++ > 0) return;
      other.exec("begin immediate");
      void afterStandstill(190).then(() => other.exec("commit"));
    }),
  );
  await runWorker();

  const result = await results[0]!.wait();
  expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 2 });
  expect(result.errors.map(({ message }) => message)).toEqual(["database is locked"]);
});

test("only what has changed is indexed again, and what is gone is forgotten", async () => {
  const folder = await folderOf({ "a.md": "# Badger", "b.md": "# Beaver", "c.md": "# Camel" });
  await runWorker();
  await (await enqueueDocuments(folder)).statistics!.wait();
  expect(await enqueueDocuments(folder)).toMatchObject({ results: [], statistics: null });

  await writeFile(join(folder, "b.md"), "# Bison");
  await rm(join(folder, "c.md"));
  const { results, statistics } = await enqueueDocuments(folder);
  await statistics!.wait();

  expect(results.map(({ args }) => args)).toEqual([[join(folder, "b.md")]]);
  const found = ["badger", "beaver", "bison", "camel"].map(
    (word) => openIndex().search(word, 5).length,
  );
  expect(found).toEqual([1, 0, 1, 0]);
  expect(readStatistics(openIndex(), folder)).toMatchObject({ files: 2, indexed: 2 });
});

test("a file that waits is not enqueued twice", async () => {
  const folder = await folderOf({ "a.md": "# Once" });
  const [first] = (await enqueueDocuments(folder)).results;
  const [second] = (await enqueueDocuments(folder)).results;
  expect(second).toMatchObject({ id: first!.id, deduplicated: true });
});

test("document rows and tasks are stored together or not at all", async () => {
  const folder = await folderOf({ "a.md": "# A", "poison.md": "# B" });
  const { database } = openIndex();
  database.exec(`create trigger refuse_poison before insert on documents when new.path like '%poison%'
    begin select raise(abort, 'no poison'); end`);
  onTestFinished(() => database.exec("drop trigger refuse_poison"));

  await expect(enqueueDocuments(folder)).rejects.toThrow("no poison");

  const { results } = await backend.list({ taskName: indexDocument.name, limit: 1000 });
  expect(results.filter(({ args }) => JSON.stringify(args).includes(folder))).toEqual([]);
  expect(openIndex().awaitedTasks(folder)).toEqual([]);
});

test("the nightly task finds what is new", async () => {
  const folder = await folderOf({ "a.md": "# Night" });
  await runWorker();
  const refresh = await (await refreshFolder.enqueue(folder)).wait();
  expect(refresh.returnValue).toEqual({ files: 1, enqueued: 1 });
});

test("tasks check has nothing to say against the configuration, but that nobody runs schedules yet", async () => {
  const command = startTasksCommand(["check"], { stdio: ["ignore", "pipe", "inherit"] });
  const [output, [exitCode]] = await Promise.all([text(command.stdout!), once(command, "exit")]);
  expect(output).toMatch(/^warning tasks\.W001 Schedule .* enqueues nothing/);
  expect(output).toContain("1 message about 1 backend and 3 tasks.");
  expect(exitCode).toBe(0);
});
