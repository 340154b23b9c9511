/** The command line's worker on Redis. */
import { execFile } from "node:child_process";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { createId, task, taskLog, withBackends, type TaskResult } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { expect, inject, onTestFinished, test } from "vitest";

import { temporaryFolder } from "./support/temporary-folder.ts";

taskLog.connect(() => {});
const modules = join(import.meta.dirname, "../node_modules");
const echo = task({ name: "worker-on-redis.echo" }, (text: string) => text);

const config = (url: string, prefix: string): string => `
import { configureTasks, task } from "@tasks/core";
import { RQBackend } from "@tasks/rq";

task({ name: "worker-on-redis.echo" }, (text) => text);
export default configureTasks({
  backends: { jobs: () => new RQBackend(${JSON.stringify({ url, prefix, queues: [] })}) },
});
`;

test("it serves one queue, several, or all but some, until nothing is ready or so many have run", async () => {
  const folder = await temporaryFolder();
  const url = inject("serviceUrls").redis!;
  const prefix = `t${createId()}`;
  await symlink(modules, join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "tasks.config.ts"), config(url, prefix));
  const backend = new RQBackend({ url, prefix, queues: [] });
  onTestFinished(async () => {
    await backend.prune({ minAgeMs: 0 });
    await backend.close();
  });
  const enqueue = (queueName: string): Promise<TaskResult<string>> =>
    withBackends({ jobs: backend }, () =>
      echo.using({ backend: "jobs", queueName }).enqueue(queueName),
    );
  const work = async (...args: readonly string[]): Promise<void> => {
    const words = ["worker", "--backend", "jobs", "--no-startup-delay", ...args];
    await promisify(execFile)(join(modules, ".bin/tasks"), words, { cwd: folder });
  };
  const finished = async (...results: readonly TaskResult[]): Promise<boolean[]> => {
    const records = await Promise.all(results.map(({ id }) => backend.readRecord(id)));
    return records.map((record) => record?.status === "SUCCESSFUL");
  };

  const [a, b, c, d] = await Promise.all(["a", "b", "c", "d"].map(enqueue));
  await work("--batch", "--queue-name", "a");
  expect(await finished(a!, b!, c!, d!)).toEqual([true, false, false, false]);
  await work("--batch", "--queue-name", "b,c");
  expect(await finished(b!, c!, d!)).toEqual([true, true, false]);
  const e = await enqueue("e");
  await work("--batch", "--queue-name", "*", "--exclude-queues", "d");
  expect(await finished(d!, e)).toEqual([false, true]);
  const more = await Promise.all(["d", "d"].map(enqueue));
  await work("--max-tasks", "2", "--queue-name", "*");
  expect(await finished(d!, ...more)).toEqual([true, true, false]);
}, 60_000);
