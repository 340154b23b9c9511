import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { ServiceName } from "./service.ts";

/** A server of one's own, to be killed and started again. */
export interface RestartableServer extends AsyncDisposable {
  readonly url: string;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it accepts connections. */
  start(): Promise<void>;
}

/**
 * Starts a server whose commits outlive it, from programs on this machine. It ends with this process, however this process ends.
 *
 * @throws Error saying what to install when there are no such programs.
 */
export async function startRestartableServer(name: ServiceName): Promise<RestartableServer> {
  const program = fileURLToPath(new URL("restartable-supervisor.mjs", import.meta.url));
  // Detached, so that Ctrl-C in a terminal reaches the caller alone.
  const child = spawn(process.execPath, [program, name], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<{ readonly url: string }> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`The supervisor of ${name} ended without an answer.`);
    const { error, ...rest } = JSON.parse(line.value) as { error?: string; url: string };
    if (error !== undefined) throw new Error(error);
    return rest;
  };
  const tell = async (word: string): Promise<void> => {
    child.stdin.write(`${word}\n`);
    await answer();
  };
  const { url } = await answer();
  return {
    url,
    kill: () => tell("kill"),
    start: () => tell("start"),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
