/**
 * Owns throw-away servers and their folder, and ends when its stdin closes. That happens however the process
 * that wanted them ends, SIGKILL included, so nothing is ever left behind. Started by `start-services.mjs`;
 * the service names are its arguments, after `--durable` where commits are to wait for the disk, and its answer is one line of JSON.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { obtainServers } from "./obtain.mjs";

/** @import { PrivateServer, ServiceName } from "./service.ts" */

const args = process.argv.slice(2);
const durable = args[0] === "--durable";
const names = /** @type {ServiceName[]} */ (durable ? args.slice(1) : args);
const folder = await mkdtemp(join(tmpdir(), "tasks-services-"));
/** @type {PrivateServer[]} */
const servers = [];
let ending = false;

process.stdin.on("end", () => void endWith(0)).on("error", () => void endWith(0));
process.stdin.resume();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void endWith(0));
// Whoever wanted the answer may be gone.
process.stdout.on("error", () => {});

const starting = obtainServers(names, folder, { durable }, (server) => servers.push(server));
try {
  answer({ folder, urls: await starting });
} catch (error) {
  answer({ error: error instanceof Error ? error.message : String(error) });
  await endWith(1);
}

/** @param {unknown} value */
function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** @param {number} code */
async function endWith(code) {
  if (ending) return;
  ending = true;
  // Half-started servers cannot be stopped and a package installation must not be; both end soon.
  await Promise.allSettled([starting]);
  await Promise.allSettled(servers.map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}
