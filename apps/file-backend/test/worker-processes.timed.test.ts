import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { withBackends } from "@tasks/core";
import { FileBackend } from "@tasks/file-backend";
import { expect, onTestFinished, test, vi } from "vitest";

import { writeJournal } from "./support/journal-task.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const LEASE_MS = 1000;
const PATIENCE = { timeout: 20_000, interval: 25 };

function startWorker(folder: string): ChildProcess {
  const program = join(import.meta.dirname, "support/worker-process.ts");
  const worker = spawn(process.execPath, [program, folder, String(LEASE_MS)], { stdio: "inherit" });
  onTestFinished(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    worker.kill("SIGKILL");
    await once(worker, "exit");
  });
  return worker;
}

async function enqueueEntries(folder: string, count: number): Promise<FileBackend> {
  const backend = new FileBackend({ folder });
  const path = join(folder, "journal.txt");
  const calls = Array.from({ length: count }, (_, entry) => [path, entry] as [string, number]);
  await withBackends({ default: backend }, () => writeJournal.enqueueMany(calls));
  return backend;
}

async function readJournal(folder: string): Promise<{ entry: number; pid: number }[]> {
  const lines = (await readFile(join(folder, "journal.txt"), "utf8")).trim().split("\n");
  return lines.map((line) => {
    const [entry, pid] = line.split(" ").map(Number);
    return { entry: entry!, pid: pid! };
  });
}

test("two worker processes on one folder share the tasks and run each exactly once", async () => {
  const folder = await temporaryFolder();
  const backend = await enqueueEntries(folder, 200);
  const workers = [startWorker(folder), startWorker(folder)];

  await vi.waitFor(async () => {
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 200 });
  }, PATIENCE);

  const journal = await readJournal(folder);
  const entries = journal.map(({ entry }) => entry).sort((a, b) => a - b);
  expect(entries).toEqual(Array.from({ length: 200 }, (_, entry) => entry));
  expect(new Set(journal.map(({ pid }) => pid))).toEqual(new Set(workers.map(({ pid }) => pid)));
});

test("what a killed worker process held runs on in another one", async () => {
  const folder = await temporaryFolder();
  const backend = await enqueueEntries(folder, 200);
  const victim = startWorker(folder);
  await vi.waitFor(async () => {
    expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(10);
  }, PATIENCE);

  victim.kill("SIGKILL");
  await once(victim, "exit");
  const held = (await backend.list({ status: "RUNNING", limit: 1000 })).results;
  expect(held).not.toEqual([]);
  const survivor = startWorker(folder);

  await vi.waitFor(async () => {
    expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 200 });
  }, PATIENCE);
  for (const result of held) expect((await result.refresh()).attempts).toBe(2);

  survivor.kill("SIGTERM");
  expect(await once(survivor, "exit")).toEqual([0, null]);
});
