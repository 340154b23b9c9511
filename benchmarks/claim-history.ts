/**
 * What a large table costs the claim of SQLite: claims and completions per second on an empty table, and on one with a million finished rows, 200,000
 * due tomorrow and 100,000 ready on another queue. Contenders take turns; prints medians and their ratio.
 *
 * `node benchmarks/claim-history.ts [finished=1000000] [rounds=5]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { configureTasks, task, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

const [finished = 1_000_000, rounds = 5] = process.argv.slice(2).map(Number);
const TASKS = 20_000;

const noop = task({ name: "noop" }, (value: number) => value);
taskLog.connect(() => undefined);
const folder = mkdtempSync(join(tmpdir(), "tasks-claim-history-"));

async function create(name: string): Promise<DatabaseBackend> {
  const backend = new DatabaseBackend({ url: `sqlite:${join(folder, name)}`, queues: [] });
  await backend.migrate();
  return backend;
}

/** Rows that stand in nobody's way, or should not. */
function fill(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("pragma synchronous = off");
  const insert = database.prepare(`
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
    insert into tasks_results (id_tail, backend, queue_name, task_name, phase, due, run_after, enqueued_at, started_at, last_attempted_at, finished_at, fence, max_lost, worker_ids, args, return_value)
    select hex(randomblob(16)), 'default', ?, 'noop', ?, ?, ?, 1700000000000 + i, ?, ?, ?, ?, 3, ?, '[1]', ? from n`);
  const past = 1_700_000_000_000;
  const tomorrow = Date.now() + 86_400_000;
  insert.run(finished, "default", 4, past, null, past, past, past, 1, '["worker"]', "1");
  insert.run(200_000, "default", 2, tomorrow, tomorrow, null, null, null, 0, "[]", null);
  insert.run(100_000, "other", 1, past, null, null, null, null, 0, "[]", null);
  database.exec("analyze");
  database.close();
}

async function measure(backend: DatabaseBackend): Promise<number> {
  configureTasks({ backends: { default: backend } });
  await noop.enqueueMany(Array.from({ length: TASKS }, (_, index) => [index] as const));
  const before = (await backend.counts()).SUCCESSFUL;
  const start = performance.now();
  const worker = await backend.createWorker({ batch: true });
  await worker.run();
  const seconds = (performance.now() - start) / 1000;
  const done = (await backend.counts()).SUCCESSFUL - before;
  if (done !== TASKS) throw new Error(`${done} of ${TASKS} tasks were run.`);
  // What this round added must not make the next one of the empty table less empty.
  if (backend === empty) await backend.prune({ minAgeMs: 0 });
  return TASKS / seconds;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const empty = await create("empty.db");
const full = await create("full.db");
fill(join(folder, "full.db"));
const rates: { empty: number[]; full: number[] } = { empty: [], full: [] };
for (let round = 0; round < rounds; round++) {
  rates.empty.push(await measure(empty));
  rates.full.push(await measure(full));
}
const idle = await full.createWorker({ batch: true });
const idleStart = performance.now();
await idle.run();
const idleMs = performance.now() - idleStart;
await Promise.all([empty.close(), full.close()]);
rmSync(folder, { recursive: true });

const format = (value: number): string => Math.round(value).toLocaleString("en");
process.stdout.write(
  `node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}\n` +
    `drain of ${format(TASKS)}: empty ${format(median(rates.empty))}/s, ` +
    `with ${format(finished)} finished, 200,000 due tomorrow, 100,000 ready elsewhere ${format(median(rates.full))}/s\n` +
    `ratio ${(median(rates.full) / median(rates.empty)).toFixed(2)}; a worker with nothing to do comes and goes in ${idleMs.toFixed(1)} ms\n`,
);
