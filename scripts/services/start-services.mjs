import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { assertServiceName, services } from "./services.mjs";

/** @import { ServiceName } from "./service.ts" */

/**
 * @typedef {object} RunningServices
 * @property {Readonly<Partial<Record<ServiceName, string>>>} urls
 * @property {string | undefined} folder Where the private servers keep their data, if any was started.
 * @property {() => Promise<void>} stop Ends what was started here; may be called twice.
 */

/**
 * Gives URLs of running servers. An environment variable (`POSTGRES_URL`, `MARIADB_URL`, `REDIS_URL`) wins;
 * otherwise a throw-away server is started that ends with this process, however this process ends. Existing
 * data is never touched.
 *
 * @example
 * const { urls, stop } = await startServices("postgres", "redis");
 *
 * @param {readonly string[]} names
 * @returns {Promise<RunningServices>}
 */
export async function startServices(...names) {
  /** @type {Partial<Record<ServiceName, string>>} */
  const given = {};
  /** @type {ServiceName[]} */
  const missing = [];
  for (const name of new Set(names)) {
    assertServiceName(name);
    const url = process.env[services[name].variable];
    if (url) given[name] = url;
    else missing.push(name);
  }
  if (missing.length === 0) return { urls: given, folder: undefined, stop: async () => {} };

  const { urls, folder, stop } = await supervise(missing);
  return { urls: { ...given, ...urls }, folder, stop };
}

/**
 * Starts throw-away servers on which a commit waits for the disk, whatever the environment names: for measurements.
 *
 * @param {readonly ServiceName[]} names
 * @returns {Promise<RunningServices>}
 */
export async function startDurableServices(...names) {
  return supervise(["--durable", ...names]);
}

/** @param {readonly string[]} args */
async function supervise(args) {
  const program = fileURLToPath(new URL("supervisor.mjs", import.meta.url));
  // Detached, so that Ctrl-C in a terminal reaches the caller alone, which then closes the pipe in its own time.
  const child = spawn(process.execPath, [program, ...args], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const answer = await firstLine(child.stdout);
  if (answer === undefined)
    throw new Error("The supervisor of the services ended without an answer.");
  const { error, urls, folder } = JSON.parse(answer);
  if (error !== undefined) throw new Error(error);

  // The servers do not keep the caller alive.
  child.unref();
  /** @type {import("node:net").Socket} */ (child.stdin).unref();
  return {
    urls: /** @type {Record<string, string>} */ (urls),
    folder: /** @type {string} */ (folder),
    stop: async () => {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

/** @param {NodeJS.ReadableStream} stream */
async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  return undefined;
}
