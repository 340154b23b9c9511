import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { ServiceName } from "./service.ts";

/** A server of one's own, to be killed and started again. */
export interface RestartableServer extends AsyncDisposable {
  readonly url: string;
  /** Where it keeps its data. */
  readonly folder: string;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it accepts connections. */
  start(): Promise<void>;
}

/** Servers that were started together; disposing of them, or of one of them, ends all. */
export interface RestartableServers extends AsyncDisposable {
  readonly servers: readonly RestartableServer[];
}

/** What the supervisor answers with. */
interface Answer {
  readonly error?: string;
  readonly servers?: readonly { readonly url: string; readonly folder: string }[];
}

/**
 * Starts a server whose commits outlive it, from programs on this machine. It ends with this process, however this process ends.
 *
 * @param variant another way to run it, of those that the service has.
 * @throws Error saying what to install when there are no such programs.
 */
export async function startRestartableServer(
  name: ServiceName,
  variant = "",
): Promise<RestartableServer> {
  const { servers } = await supervise(name, [variant]);
  return servers[0]!;
}

/** Starts several at once, one for each variant; see `startRestartableServer`. */
export function startRestartableServers(
  name: ServiceName,
  variants: readonly string[],
): Promise<RestartableServers> {
  return supervise(name, variants);
}

/**
 * Starts PgBouncer in transaction mode before a server; it ends with this process, too.
 *
 * @throws Error saying what to install when it is not on this machine.
 */
export async function startPgBouncer(server: string): Promise<RestartableServer> {
  const { servers } = await supervise("pgbouncer", [server]);
  return servers[0]!;
}

async function supervise(name: string, variants: readonly string[]): Promise<RestartableServers> {
  const program = fileURLToPath(new URL("restartable-supervisor.mjs", import.meta.url));
  // Detached, so that Ctrl-C in a terminal reaches the caller alone.
  const child = spawn(process.execPath, [program, name, ...variants], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Answer> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`The supervisor of ${name} ended without an answer.`);
    const { error, ...rest } = JSON.parse(line.value) as Answer;
    if (error !== undefined) throw new Error(error);
    return rest;
  };
  const tell = async (word: string, number: number): Promise<void> => {
    child.stdin.write(`${word} ${number}\n`);
    await answer();
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const { servers = [] } = await answer();
  return {
    servers: servers.map(({ url, folder }, number) => ({
      url,
      folder,
      kill: () => tell("kill", number),
      start: () => tell("start", number),
      [Symbol.asyncDispose]: stop,
    })),
    [Symbol.asyncDispose]: stop,
  };
}
