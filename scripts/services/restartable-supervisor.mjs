/**
 * Owns throw-away servers of one kind that are killed and started again at their owner's word, and ends when its stdin closes, as `supervisor.mjs` does.
 * Started by `restartable-server.ts` with the service's name, and with a variant for each server: "" for the usual one, for a pooler the url of the server
 * behind it. Each line on stdin, `kill` or `start` and the server's number, is answered by a line of JSON once it is done.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { canInstallPackages, installPackages } from "./apt.mjs";
import { pgbouncer } from "./pgbouncer.mjs";
import { services } from "./services.mjs";

/** @import { LocalServer, ServiceName } from "./service.ts" */

/** What is left of a killed server may hold its port or memory for a moment. */
const TRIES = 50;
const PAUSE_MS = 100;

const [name = "", ...variants] = process.argv.slice(2);
const service =
  name === "pgbouncer" ? pgbouncer(variants[0] ?? "") : services[/** @type {ServiceName} */ (name)];
const folder = await mkdtemp(join(tmpdir(), "tasks-restartable-"));
/** @type {LocalServer[]} */
const servers = [];

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => process.stdin.destroy());
// Whoever wanted the answer may be gone.
process.stdout.on("error", () => {});
try {
  await answer(async () => {
    await startAll();
    return { servers: servers.map(({ url }, number) => ({ url, folder: folderOf(number) })) };
  });
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, number] = line.split(" ");
    await answer(() => (word === "kill" ? kill : startAgain)(Number(number)));
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function startAll() {
  if (!service.isInstalled() && canInstallPackages()) await installPackages(service.aptPackages);
  if (!service.isInstalled()) {
    throw new Error(`Not found on this machine: ${service.product}. Install its programs.`);
  }
  const starting = variants.map(async (variant, number) => {
    await mkdir(folderOf(number));
    servers[number] = await service.start(folderOf(number), { durable: true, variant });
  });
  // All that begin are waited for: what has started is stopped with the rest when another one fails.
  for (const end of await Promise.allSettled(starting))
    if (end.status === "rejected") throw end.reason;
}

/** @param {number} number */
function folderOf(number) {
  return join(folder, `${name}-${number}`);
}

/** @param {number} number */
async function kill(number) {
  await servers[number]?.kill();
  return {};
}

/** @param {number} number */
async function startAgain(number) {
  const server = servers[number];
  if (server === undefined) throw new Error(`There is no server ${number}.`);
  for (let tries = 1; ; tries += 1) {
    try {
      servers[number] = await server.startAgain();
      return {};
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** @param {() => Promise<object>} work */
async function answer(work) {
  let line;
  try {
    line = await work();
  } catch (error) {
    line = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
