import { findExecutable, requireExecutable } from "./find-executable.mjs";
import { spawnServer, withFreePort } from "./spawn-server.mjs";

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
 * @param {string} folder
 * @param {StartOptions} options
 */
async function start(folder, { durable }) {
  const log = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : [];
  return withFreePort((port) =>
    spawnServer({
      command: requireExecutable("redis-server"),
      args: ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...log],
      options: { cwd: folder },
      ready: /Ready to accept connections/,
      stopSignal: "SIGKILL",
      url: `redis://127.0.0.1:${port}`,
    }),
  );
}
