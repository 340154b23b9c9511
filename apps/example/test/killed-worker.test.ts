import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

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
const PATIENCE = { timeout: 20_000, interval: 20 };

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

/** Stops a worker in the middle of its work, for good. Gives what it held. */
async function killAtWork(worker: ChildProcess, name: string): Promise<readonly TaskResult[]> {
  const held = await vi.waitFor(async () => {
    expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(20);
    worker.kill("SIGSTOP");
    const { results } = await backend.list({ status: "RUNNING", limit: 1000 });
    const own = results.filter(({ workerIds }) => workerIds.at(-1) === name);
    if (own.length === 0) worker.kill("SIGCONT");
    expect(own).not.toEqual([]);
    return own;
  }, PATIENCE);
  worker.kill("SIGKILL");
  await once(worker, "exit");
  return held;
}

test("when a worker is killed, every file is indexed all the same, and once", async () => {
  const files: Record<string, string | Uint8Array> = { "broken.md": LATIN_1 };
  for (let number = 0; number < FILES; number++) {
    files[`${number % 7}/${number}.md`] = `# File ${number}\n\nmarker${number} `.repeat(50);
  }
  const folder = await folderOf(files);
  const { results, statistics } = await enqueueDocuments(folder);
  expect(results).toHaveLength(FILES + 1);

  const victim = startWorker("victim");
  startWorker("survivor");
  const held = await killAtWork(victim, "victim");
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
  expect(report).toMatchObject({ files: FILES + 1, indexed: FILES });
  for (let number = 0; number < FILES; number++) {
    expect(index.search(`marker${number}`, 5)).toHaveLength(1);
  }
}, 60_000);
