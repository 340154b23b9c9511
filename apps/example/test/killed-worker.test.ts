import { execFile, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import type { TaskResult } from "@tasks/core";
import { expect, onTestFinished, test, vi } from "vitest";

import {
  backend,
  enqueueDocuments,
  readStatistics,
  SearchIndex,
  startTasksCommand,
} from "./support/application.ts";
import { folderOf, LATIN_1 } from "./support/temporary-folder.ts";

const FILES = 300;
const PATIENCE = { timeout: 20_000, interval: 10 };

/** A worker as the application starts it. */
function startWorker(name: string): ChildProcess {
  const args = ["worker", "--queue-name=*", `--worker-id=${name}`, "--no-startup-delay"];
  const worker = startTasksCommand([...args, "--interval=0.05"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  onTestFinished(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    worker.kill("SIGKILL");
    await once(worker, "exit");
  });
  return worker;
}

/** Kills a worker that holds a task. Gives everything it held. */
async function killAtWork(worker: ChildProcess, task: TaskResult): Promise<readonly TaskResult[]> {
  await vi.waitFor(async () => {
    expect((await task.refresh()).status).toBe("RUNNING");
  }, PATIENCE);
  // Frozen first, so that nothing ends between the look at what it holds and its death.
  worker.kill("SIGSTOP");
  const { results } = await backend.list({ status: "RUNNING", limit: 1000 });
  worker.kill("SIGKILL");
  await once(worker, "exit");
  return results;
}

/** Puts a pipe in the place of a file: whoever reads it waits until someone writes. */
async function replaceByPipe(path: string): Promise<void> {
  await rm(path);
  await promisify(execFile)("mkfifo", [path]);
}

test("when a worker is killed, every file is indexed all the same, and once", async () => {
  const files: Record<string, string | Uint8Array> = { "broken.md": LATIN_1, "held.md": "" };
  for (let number = 0; number < FILES; number++) {
    files[`${number % 7}/${number}.md`] = `# File ${number}\n\nmarker${number} `.repeat(50);
  }
  const folder = await folderOf(files);
  const { results, statistics } = await enqueueDocuments(folder);
  expect(results).toHaveLength(FILES + 2);
  const heldFile = join(folder, "held.md");
  await replaceByPipe(heldFile);
  const heldTask = results.find(({ args }) => args[0] === heldFile)!;

  const held = await killAtWork(startWorker("victim"), heldTask);
  expect(held.map(({ id }) => id)).toContain(heldTask.id);
  startWorker("survivor");
  // Whoever opens a pipe to write waits for its reader: the survivor.
  await writeFile(heldFile, "# Held\n\nmarkerheld");
  await statistics!.wait({ timeoutMs: 30_000 });

  for (const result of results) await result.refresh();
  const failed = results.filter(({ status }) => status !== "SUCCESSFUL");
  expect(failed.map(({ args, status }) => [args[0], status])).toEqual([
    [join(folder, "broken.md"), "FAILED"],
  ]);
  expect(failed[0]!.errors.at(-1)!.message).toMatch(/broken\.md is not UTF-8 text/);
  for (const { id } of held) {
    const result = await backend.getResult(id);
    expect(result.workerIds).toEqual(["victim", "survivor"]);
  }

  using index = SearchIndex.open(5000);
  const report = readStatistics(index, folder);
  expect(report).toMatchObject({ files: FILES + 2, indexed: FILES + 1 });
  expect(index.search("markerheld", 5)).toHaveLength(1);
  for (let number = 0; number < FILES; number++) {
    expect(index.search(`marker${number}`, 5)).toHaveLength(1);
  }
}, 60_000);
