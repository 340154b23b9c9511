import { writeFile } from "node:fs/promises";

import { findExecutable, requireExecutable } from "./find-executable.mjs";
import { spawnServer, withFreePort } from "./spawn-server.mjs";
import { giveFolder, unprivilegedAccount } from "./unprivileged-account.mjs";

/** @import { LocalService } from "./service.ts" */

/**
 * PgBouncer in transaction mode before a PostgreSQL server.
 *
 * @param {string} target The server's url.
 * @returns {LocalService}
 */
export function pgbouncer(target) {
  return {
    product: "PgBouncer",
    aptPackages: ["pgbouncer"],
    isInstalled: () => findExecutable("pgbouncer") !== undefined,
    start: (folder) => withFreePort((port) => start(folder, port, new URL(target))),
  };
}

/**
 * @param {string} folder
 * @param {number} port
 * @param {URL} target
 */
async function start(folder, port, target) {
  // It refuses to run as root.
  const account = unprivilegedAccount(["postgres", "nobody"]);
  giveFolder(folder, account);
  const file = `${folder}/pgbouncer.ini`;
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: "transaction",
    // Fewer than the clients, so that they have to share.
    default_pool_size: 3,
    max_client_conn: 200,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const database = `* = host=${target.hostname} port=${target.port} user=${target.username}`;
  await writeFile(file, ["[databases]", database, "[pgbouncer]", ...lines, ""].join("\n"));
  const url = new URL(target);
  url.port = String(port);
  return spawnServer({
    command: requireExecutable("pgbouncer"),
    args: [file],
    options: { ...account, cwd: folder },
    ready: /process up/,
    stopSignal: "SIGKILL",
    url: url.href,
  });
}
