import { mkdir, writeFile } from "node:fs/promises";

import { runToEnd } from "../run-to-end.mjs";
import { findExecutable, requireExecutable } from "./find-executable.mjs";
import { spawnServer, withFreePort } from "./spawn-server.mjs";
import { isRoot } from "./unprivileged-account.mjs";

/** @import { Service, StartOptions } from "./service.ts" */

const DATABASE = "tasks";

/** @type {Service} */
export const mariadb = {
  name: "mariadb",
  product: "MariaDB",
  variable: "MARIADB_URL",
  // The client package holds my_print_defaults, which mariadb-install-db calls.
  aptPackages: ["mariadb-server-core", "mariadb-client-core"],
  isInstalled: () =>
    ["mariadbd", "mariadb-install-db", "my_print_defaults"].every(
      (name) => findExecutable(name) !== undefined,
    ),
  start,
  docker: {
    image: "mariadb:11.4",
    port: 3306,
    env: { MARIADB_ALLOW_EMPTY_ROOT_PASSWORD: "1", MARIADB_DATABASE: DATABASE },
    command: [],
    ready: /init process done[\s\S]*ready for connections[\s\S]*port: 3306/,
    url: (port) => `mysql://root@127.0.0.1:${port}/${DATABASE}`,
  },
};

/**
 * @param {string} folder
 * @param {StartOptions} options
 */
async function start(folder, { durable }) {
  const data = `${folder}/data`;
  const init = `${folder}/init.sql`;
  const user = isRoot() ? ["--user=root"] : [];
  await writeFile(init, `CREATE DATABASE ${DATABASE};\n`);
  // A server that starts clears away what it finds there, and would take it from one that is being installed.
  const temporary = `${folder}/tmp`;
  await mkdir(temporary);
  await runToEnd(
    requireExecutable("mariadb-install-db"),
    [
      "--no-defaults",
      `--datadir=${data}`,
      `--tmpdir=${temporary}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--skip-name-resolve",
      ...user,
    ],
    { cwd: folder },
  );
  return withFreePort((port) =>
    spawnServer({
      command: requireExecutable("mariadbd"),
      args: [
        "--no-defaults",
        `--datadir=${data}`,
        `--tmpdir=${temporary}`,
        `--init-file=${init}`,
        `--socket=${folder}/mariadb.sock`,
        `--pid-file=${folder}/mariadb.pid`,
        "--bind-address=127.0.0.1",
        `--port=${port}`,
        "--skip-name-resolve",
        `--innodb-flush-log-at-trx-commit=${durable ? 1 : 0}`,
        "--max-connections=200",
        ...user,
      ],
      options: { cwd: folder },
      ready: /ready for connections/,
      stopSignal: "SIGKILL",
      url: `mysql://root@127.0.0.1:${port}/${DATABASE}`,
    }),
  );
}
