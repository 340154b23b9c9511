/**
 * Owns one throw-away server that is killed and started again at its owner's word, and ends when its stdin closes, as `supervisor.mjs` does. Started by
 * `restartable-server.ts` with the service's name. Each word on stdin, `kill` or `start`, is answered by a line of JSON once it is done.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { canInstallPackages, installPackages } from "./apt.mjs";
import { howToProvide } from "./obtain.mjs";
import { services } from "./services.mjs";

/** @import { LocalServer, ServiceName } from "./service.ts" */

/** What is left of a killed server may hold its port or memory for a moment. */
const TRIES = 50;
const PAUSE_MS = 100;

const service = services[/** @type {ServiceName} */ (process.argv[2])];
const folder = await mkdtemp(join(tmpdir(), "tasks-restartable-"));
/** @type {LocalServer | undefined} */
let server;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => process.stdin.destroy());
// Whoever wanted the answer may be gone.
process.stdout.on("error", () => {});
try {
  await answer(async () => {
    server = await startFirst();
    return { url: server.url };
  });
  for await (const word of createInterface({ input: process.stdin })) {
    await answer(word === "kill" ? kill : startAgain);
  }
} finally {
  await server?.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function startFirst() {
  if (!service.isInstalled() && canInstallPackages()) await installPackages(service.aptPackages);
  if (!service.isInstalled()) throw new Error(howToProvide([service]));
  const data = join(folder, service.name);
  await mkdir(data);
  return service.start(data, { durable: true });
}

async function kill() {
  await server?.kill();
  return {};
}

async function startAgain() {
  for (let tries = 1; ; tries += 1) {
    try {
      server = await server?.startAgain();
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
