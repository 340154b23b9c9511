import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const install = findExecutable("mariadb-install-db");
const server = findExecutable("mariadbd");

/** This machine has the programs of MariaDB; where the test run's server is somewhere else, none can be killed. */
export const canStartServers: boolean = install !== undefined && server !== undefined;

/** A server of one test's own, that it may kill. */
export interface MariadbServer extends AsyncDisposable {
  readonly url: string;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
}

/** Starts one, with durable commits. */
export async function startMariadb(): Promise<MariadbServer> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-mariadb-"));
  const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
  const common = ["--no-defaults", `--datadir=${folder}/data`, "--skip-name-resolve", ...asRoot];
  await promisify(execFile)(
    install!,
    [...common, "--auth-root-authentication-method=normal", "--skip-test-db"],
    { cwd: folder },
  );
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  const start = async (): Promise<void> => {
    const where = [`--port=${port}`, "--bind-address=127.0.0.1", `--socket=${folder}/server.sock`];
    child = spawn(server!, [...common, ...where, `--pid-file=${folder}/server.pid`], {
      cwd: folder,
      stdio: "ignore",
    });
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries > 600) throw new Error("MariaDB did not become ready.");
      await sleep(20);
    }
  };
  await start();
  return {
    // A database that every new server has.
    url: `mysql://root@127.0.0.1:${port}/mysql`,
    start,
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server greets whoever connects. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data", { signal: AbortSignal.timeout(1000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}

/** Servers often live where an ordinary user's PATH does not look. */
function findExecutable(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
