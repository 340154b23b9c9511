/** A process of an application with several aliases. Prints its answer as JSON. */
import { argv } from "node:process";
import { DatabaseSync } from "node:sqlite";

import { checkTasks, configureTasks, task, taskBackends, type TaskResult } from "@tasks/core";
import { OutboxBackend } from "@tasks/core/outbox";
import { DatabaseBackend } from "@tasks/db";
import { RQBackend } from "@tasks/rq";

const [job = "", first = "", folder, url, prefix, ids = "[]"] = argv.slice(2);
const openDatabase = (file: string): DatabaseBackend =>
  new DatabaseBackend({ url: `sqlite:${folder}/${file}.db`, queues: [] });
const openRedis = (): RQBackend => new RQBackend({ url, prefix, queues: [] });

const reports = openDatabase("reports");
const outbox = openDatabase("outbox");
const target = openRedis();
const config = configureTasks({
  backends: {
    default: () => new OutboxBackend({ target: openRedis(), outbox }),
    reports,
    outbox,
    through: new OutboxBackend({ target, outbox }),
    target,
  },
});
const tasks = ["default", "reports", "target", "through"].map((backend) =>
  task({ name: `on-${backend}`, backend }, () => backend),
);

if (first === "checkTasks") await checkTasks();
if (first === "all") taskBackends.all();
if (taskBackends.aliases().includes(first)) await taskBackends.get(first).check();

let answer: unknown = null;
if (job === "enqueue") answer = await enqueue();
if (job === "work") await work();
if (job === "read") answer = await read(JSON.parse(ids) as [string, string][]);
console.log(JSON.stringify(answer));
await config.close();

/** Enqueues each task, and those with an outbox in a transaction as well. */
async function enqueue(): Promise<[string, string][]> {
  const results: TaskResult[] = [];
  for (const each of tasks) results.push(await each.enqueue());
  await outbox.migrate();
  const transaction = new DatabaseSync(`${folder}/outbox.db`);
  for (const each of tasks.filter(({ backend }) => ["default", "through"].includes(backend))) {
    transaction.exec("begin");
    results.push(await each.using({ transaction }).enqueue());
    transaction.exec("commit");
  }
  return results.map(({ backend, id }) => [backend, id]);
}

/** Runs all tasks: some by workers of the instances, some by workers of the configured aliases. */
async function work(): Promise<void> {
  const options = { batch: true, queueNames: ["*"] };
  for (const backend of [reports, target]) await (await backend.createWorker(options)).run();
  for (const alias of ["default", "through"]) {
    await (await taskBackends.get(alias).createWorker(options)).run();
  }
}

async function read(enqueued: readonly [string, string][]): Promise<[string, string][]> {
  const results = enqueued.map(([alias, id]) => taskBackends.get(alias).getResult(id));
  return (await Promise.all(results)).map(({ backend, status }) => [backend, status]);
}
