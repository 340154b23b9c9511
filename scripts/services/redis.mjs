import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { findExecutable, requireExecutable } from "./find-executable.mjs";
import { freePort, spawnServer, withFreePort } from "./spawn-server.mjs";

/** @import { Service, StartOptions } from "./service.ts" */

/** @type {Service} */
export const redis = {
  name: "redis",
  product: "Redis",
  variable: "REDIS_URL",
  aptPackages: ["redis-server"],
  isInstalled: () => findExecutable("redis-server") !== undefined,
  start,
  docker: {
    image: "redis:7-alpine",
    port: 6379,
    env: {},
    command: [],
    ready: /Ready to accept connections/,
    url: (port) => `redis://127.0.0.1:${port}`,
  },
};

/**
 * - `everysec`: the log reaches the disk once a second only.
 * - `cluster`: a node of a cluster, which does not know of the others yet.
 * - `sentinel`: watches over masters, of which it does not know yet.
 *
 * @param {string} folder
 * @param {StartOptions} options
 */
async function start(folder, options) {
  const isSentinel = options.variant === "sentinel";
  return withFreePort(async (port) => {
    const common = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
    return spawnServer({
      command: requireExecutable("redis-server"),
      args: isSentinel
        ? [await writeSentinelFile(folder), ...common, "--sentinel"]
        : [...common, ...(await dataArguments(options))],
      options: { cwd: folder },
      ready: isSentinel ? /Sentinel ID is/ : /Ready to accept connections/,
      stopSignal: "SIGKILL",
      url: `redis://127.0.0.1:${port}`,
    });
  });
}

/** @param {StartOptions} options */
async function dataArguments({ durable, variant }) {
  // A replica is served when it asks; by default more of them are waited for.
  const args = ["--save", "", "--repl-diskless-sync-delay", "0"];
  const fsync = variant === "everysec" ? "everysec" : "always";
  if (durable) args.push("--appendonly", "yes", "--appendfsync", fsync);
  if (variant === "cluster") {
    // By default the nodes talk on a port that is 10,000 higher, which may not exist.
    const busPort = String(await freePort());
    args.push("--cluster-enabled", "yes", "--cluster-port", busPort);
    args.push("--cluster-node-timeout", "1000");
  }
  return args;
}

/**
 * A sentinel keeps what it learns in its configuration, so it needs a file.
 *
 * @param {string} folder
 */
async function writeSentinelFile(folder) {
  const file = join(folder, "sentinel.conf");
  await writeFile(file, "");
  return file;
}
