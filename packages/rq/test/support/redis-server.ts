import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";

import { afterAll } from "vitest";

const servers = new Set<RedisServer>();

/** A Redis server of a test's own, which may be killed and started again. Keeps its data in `folder`, written through to the disk. */
export class RedisServer {
  readonly port: number;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, extra: readonly string[]) {
    this.port = port;
    const common = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    this.#arguments = [...common, "--appendonly", "yes", "--appendfsync", "always", ...extra];
  }

  /** Starts one on a free port. */
  static async start(folder: string, ...extra: readonly string[]): Promise<RedisServer> {
    mkdirSync(folder, { recursive: true });
    const server = new RedisServer(await freePort(), folder, extra);
    servers.add(server);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const child = spawn("redis-server", this.#arguments, { stdio: ["ignore", "pipe", "ignore"] });
    this.#process = child;
    let output = "";
    for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
      output += String(data);
      if (/Ready to accept connections/.test(output)) break;
    }
    // A full pipe would stop the server.
    child.stdout.resume();
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Stops it from answering, with its connections open, or lets it go on. */
  freeze(isFrozen: boolean): void {
    this.#process?.kill(isFrozen ? "SIGSTOP" : "SIGCONT");
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

afterAll(async () => {
  for (const server of servers) await server.kill();
});
