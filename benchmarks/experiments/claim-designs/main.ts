/**
 * What a table design costs PostgreSQL under churn: batches of 500 are claimed and completed while tasks are added, beside finished rows, rows due
 * tomorrow and rows of another queue, with autovacuum on. Designs take turns; prints medians.
 *
 * `pnpm --dir benchmarks claim-designs [finished=1000000] [rounds=3] [connections=2]`
 */
import { createId } from "@tasks/core";
import { Client } from "pg";

import { PostgresPlaces } from "../../harness/postgres-places.ts";
import { median } from "../../report/statistics.ts";
import { formatNumber, formatTable } from "../../report/table.ts";
import { designs, type Design } from "./designs.ts";

const [finished = 1_000_000, rounds = 3, connections = 2] = process.argv.slice(2).map(Number);
const TASKS = 40_000;
const BATCH = 500;
const SETTINGS = "set jit = off; set enable_seqscan = off; set enable_bitmapscan = off";

await using places = await PostgresPlaces.start();
console.log(
  `${places.description}\n${formatNumber(finished)} finished rows, ${connections} connections`,
);
const sides = [];
for (const design of designs) sides.push(await createSide(design));
for (let round = 0; round < rounds; round++) for (const side of sides) await side.measure();
const rows = sides.map(({ design, rates, cpuUs, deadRows }) => [
  `${design.name}: ${design.idea}`,
  formatNumber(median(rates)),
  formatNumber(median(cpuUs)),
  formatNumber(median(deadRows)),
]);
console.log(formatTable(["", "tasks/s", "server CPU, µs per task", "dead rows"], rows));
for (const side of sides) await side.close();

// oxlint-disable-next-line typescript/explicit-function-return-type -- what is measured of one design
async function createSide(design: Design) {
  const place = await places.create();
  for (const statement of design.schema) await place.exec(statement);
  const clients: Client[] = [];
  for (let index = 0; index <= connections; index++) clients.push(await connect(place.address));
  const [producer, ...workers] = clients as [Client, ...Client[]];
  await insert(producer, design, finished, "default", 4);
  await insert(producer, design, finished / 5, "default", 2);
  await insert(producer, design, finished / 10, "other", 1);
  await place.exec("vacuum (analyze)");
  const rates: number[] = [];
  const cpuUs: number[] = [];
  const deadRows: number[] = [];
  return {
    design,
    rates,
    cpuUs,
    deadRows,
    measure: async () => {
      // Half are there before; the others come meanwhile.
      await insert(producer, design, TASKS / 2, "default", 1);
      const cpuAtStart = places.serverCpuUs();
      const startedAtMs = performance.now();
      const adding = insert(producer, design, TASKS / 2, "default", 1);
      let left = TASKS;
      const loop = async (worker: Client): Promise<void> => {
        while (left > 0) {
          const done = await claimAndComplete(worker, design);
          left -= done;
        }
      };
      await Promise.all([adding, ...workers.map(loop)]);
      rates.push((TASKS / (performance.now() - startedAtMs)) * 1000);
      cpuUs.push((places.serverCpuUs() - cpuAtStart) / TASKS);
      deadRows.push(Number(await place.value("select sum(n_dead_tup) from pg_stat_user_tables")));
    },
    close: async () => {
      for (const client of clients) await client.end();
      await place[Symbol.asyncDispose]();
    },
  };
}

async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  client.on("error", () => undefined);
  await client.connect();
  await client.query(SETTINGS);
  return client;
}

async function insert(
  client: Client,
  design: Design,
  count: number,
  queue: string,
  phase: number,
): Promise<void> {
  for (let start = 0; start < count; start += 1000) {
    const length = Math.min(1000, count - start);
    const ids = Array.from({ length }, () => createId());
    const args = ids.map((_, index) => `[${start + index}]`);
    const values = [ids, args, queue, phase];
    await client.query({ name: "insert", text: design.insert, values });
  }
}

/** @returns how many were completed. */
async function claimAndComplete(client: Client, design: Design): Promise<number> {
  const { rows } = await client.query<{ key: string; id: string }>({
    name: "claim",
    text: design.claim,
    values: [BATCH],
  });
  if (rows.length === 0) return 0;
  const results = JSON.stringify(Object.fromEntries(rows.map(({ id }) => [id, "1"])));
  const { rowCount } = await client.query({
    name: "complete",
    text: design.complete,
    values: [rows.map(({ key }) => key), results],
  });
  return rowCount ?? 0;
}
