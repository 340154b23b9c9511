/**
 * Runs a command with servers at hand: `pnpm with-services [postgres,mariadb,redis] -- <command>`.
 * The command finds them in POSTGRES_URL, MARIADB_URL and REDIS_URL; they end with it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";

import { serviceNames, services } from "./services.mjs";
import { startServices } from "./start-services.mjs";

const usage = "Usage: with-services [postgres,mariadb,redis] -- <command> [arguments]";

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

/** @param {string[]} argv */
async function main(argv) {
  const separator = argv.indexOf("--");
  const [list, ...extra] = argv.slice(0, Math.max(separator, 0));
  const [command, ...args] = argv.slice(separator + 1);
  if (separator === -1 || extra.length > 0 || command === undefined) throw new Error(usage);

  const { urls, stop } = await startServices(...(list?.split(",") ?? serviceNames));
  const entries = serviceNames.map((name) => [services[name].variable, urls[name]]);
  try {
    return await run(command, args, Object.fromEntries(entries.filter(([, url]) => url)));
  } finally {
    await stop();
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @returns {Promise<number>} The exit code, as a shell would report it.
 */
async function run(command, args, env) {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  // The command decides when to end; this process outlives it to stop the servers.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
    process.on(signal, () => child.kill(signal));
  }
  const [code, signal] = await once(child, "exit");
  return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)];
}
