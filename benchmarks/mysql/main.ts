/**
 * Ours beside plain statements on MariaDB or MySQL: what several processes drain, on empty tables and beside a large history, and how soon an idle worker
 * begins. Contenders take turns; prints medians and ratios.
 *
 * `node scripts/services/with-services.mjs mariadb -- node benchmarks/mysql/main.ts [--tasks 20000] [--rounds 3] [--finished 1000000]`
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { createConnection, type RowDataPacket } from "mysql2/promise";

import { openBare } from "./bare.ts";
import type { Drained, Drainer } from "./drainer.ts";
import { fillHistory } from "./history.ts";
import { measureLatency } from "./latency.ts";
import { openTasks } from "./tasks.ts";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "20000" },
    rounds: { type: "string", default: "3" },
    finished: { type: "string", default: "0" },
  },
});
const tasks = Number(values.tasks);
const rounds = Number(values.rounds);
const finished = Number(values.finished);
const url = process.env["MARIADB_URL"] ?? "";
if (url === "") throw new Error("MARIADB_URL names no server; see the head of this file.");

const root = await createConnection(url);
// The server of the tests does not wait for its disk.
await root.query("set global innodb_flush_log_at_trx_commit = 1");
const [[server]] = await root.query<RowDataPacket[]>(
  "select version() as version, @@pid_file as pid_file, @@datadir as datadir",
);
const rates = new Map<string, number[]>();
const costs = new Map<string, number[]>();

const contenders = { bare: await openBare(url), tasks: openTasks(url) };
for (let round = 0; round < rounds; round++) {
  for (const processes of [1, 2, 4]) {
    for (const name of ["bare", "tasks"] as const) {
      await contenders[name].prepare();
      await measure(name, contenders[name], processes, name === "tasks" ? "tasks" : "bare");
    }
  }
}
if (finished > 0) {
  await contenders.tasks.prepare();
  await fillHistory(root, finished);
  for (let round = 0; round < rounds; round++) {
    for (const processes of [1, 4]) await measure("history", contenders.tasks, processes, "tasks");
  }
}
const latency = await measureLatency(url, contenders.tasks);
for (const { close } of Object.values(contenders)) await close();
await root.end();
report();

async function measure(
  name: string,
  drainer: Drainer,
  processes: number,
  contender: "bare" | "tasks",
): Promise<void> {
  const script = fileURLToPath(new URL("host.ts", import.meta.url));
  const hosts = Array.from({ length: processes }, () => fork(script, [contender, url]));
  await Promise.all(hosts.map((host) => once(host, "message")));
  // The first one warms up.
  for (const count of [Math.ceil(tasks / 5), tasks]) {
    await drainer.fill(count);
    await sleep(500);
    const serverBefore = serverCpuUs();
    const startedAtMs = performance.now();
    const drained = await Promise.all(hosts.map(drainOne));
    const seconds = (performance.now() - startedAtMs) / 1000;
    const handled = drained.reduce((sum, one) => sum + one.handled, 0);
    if (handled < count) throw new Error(`${name} handled ${handled} of ${count} jobs.`);
    if (count !== tasks) continue;
    const workerUs = drained.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
    note(rates, `${name} ${processes}`, handled / seconds);
    note(costs, `${name} ${processes} worker`, workerUs / handled);
    note(costs, `${name} ${processes} server`, (serverCpuUs() - serverBefore) / handled);
  }
  for (const host of hosts) host.disconnect();
  await Promise.all(hosts.map((host) => once(host, "exit")));
}

async function drainOne(host: ChildProcess): Promise<Drained> {
  const answered = once(host, "message");
  host.send("go");
  const [drained] = (await answered) as [Drained];
  return drained;
}

/** Processor time of the server, in microseconds; 0 where it cannot be seen. */
function serverCpuUs(): number {
  const file = String(server?.["pid_file"]);
  const path = file.startsWith("/") ? file : `${String(server?.["datadir"])}${file}`;
  try {
    const pid = readFileSync(path, "utf8").trim();
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return 0;
  }
}

function note(figures: Map<string, number[]>, key: string, value: number): void {
  figures.set(key, [...(figures.get(key) ?? []), value]);
}

function median(figures: Map<string, number[]>, key: string): number {
  const sorted = (figures.get(key) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function report(): void {
  console.log(
    `${String(server?.["version"])}, node ${process.versions.node}, commits durable, ${tasks} jobs, medians of ${rounds}`,
  );
  const names = finished > 0 ? ["bare", "tasks", "history"] : ["bare", "tasks"];
  for (const processes of [1, 2, 4]) {
    for (const name of names) {
      const rate = median(rates, `${name} ${processes}`);
      if (Number.isNaN(rate)) continue;
      const ratio = rate / median(rates, `bare ${processes}`);
      console.log(
        `${name.padEnd(8)} ${processes} process(es): ${Math.round(rate).toString().padStart(6)}/s, ` +
          `${ratio.toFixed(2)} of bare; CPU per job: worker ${Math.round(median(costs, `${name} ${processes} worker`))} µs, ` +
          `server ${Math.round(median(costs, `${name} ${processes} server`))} µs`,
      );
    }
  }
  for (const line of latency) console.log(line);
}
