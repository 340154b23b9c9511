import { runToEnd } from "../run-to-end.mjs";
import { findExecutable, requireExecutable, versionedBinFolders } from "./find-executable.mjs";
import { spawnServer, withFreePort } from "./spawn-server.mjs";
import { giveFolder, unprivilegedAccount } from "./unprivileged-account.mjs";

/** @import { Service, StartOptions } from "./service.ts" */

const USER = "tasks";

/** @type {Service} */
export const postgres = {
  name: "postgres",
  product: "PostgreSQL",
  variable: "POSTGRES_URL",
  aptPackages: ["postgresql"],
  isInstalled: () =>
    ["initdb", "postgres"].every((name) => findExecutable(name, binFolders()) !== undefined),
  start,
  docker: {
    image: "postgres:17-alpine",
    port: 5432,
    env: { POSTGRES_USER: USER, POSTGRES_HOST_AUTH_METHOD: "trust" },
    command: ["postgres", "-c", "fsync=off", "-c", "max_connections=200"],
    ready: /PostgreSQL init process complete[\s\S]*ready to accept connections/,
    url: (port) => `postgres://${USER}@127.0.0.1:${port}/${USER}`,
  },
};

/**
 * @param {string} folder
 * @param {StartOptions} options
 */
async function start(folder, { durable }) {
  // PostgreSQL refuses to run as root.
  const account = unprivilegedAccount(["postgres", "nobody"]);
  giveFolder(folder, account);
  const data = `${folder}/data`;
  const options = { ...account, cwd: folder, env: { ...process.env, LC_ALL: "C" } };
  await runToEnd(
    requireExecutable("initdb", binFolders()),
    ["-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"],
    options,
  );
  return withFreePort((port) =>
    spawnServer({
      command: requireExecutable("postgres", binFolders()),
      args: ["-D", data, "-p", String(port), ...settings(durable)],
      options,
      ready: /ready to accept connections/,
      // Immediate shutdown: it takes its own child processes with it, which SIGKILL would not.
      stopSignal: "SIGQUIT",
      url: `postgres://${USER}@127.0.0.1:${port}/postgres`,
    }),
  );
}

/** @param {boolean} durable */
function settings(durable) {
  const values = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    // The data is thrown away.
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Debian keeps the server's programs off PATH, one folder per version; so does Homebrew. */
function binFolders() {
  return [
    ...versionedBinFolders("/usr/lib/postgresql"),
    ...versionedBinFolders("/opt/homebrew/opt", /^postgresql/),
    ...versionedBinFolders("/usr/local/opt", /^postgresql/),
  ];
}
