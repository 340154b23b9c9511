import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

import { Redis } from "ioredis";

import { requireExecutable } from "../../scripts/services/find-executable.mjs";
import { spawnServer, withFreePort } from "../../scripts/services/spawn-server.mjs";
import type { Place, Places } from "./place.ts";
import { familyCpuUs } from "./processor-time.ts";

const DUMP = "dump.rdb";

/** A private server for each measurement, with a log that is synced every second. */
export class RedisPlaces implements Places {
  readonly description: string =
    "Redis with appendonly yes and appendfsync everysec, on the same machine; a server of its own for each measurement.";
  readonly #folder: string;
  readonly #places = new Set<RedisPlace>();
  #endedCpuUs = 0;

  constructor(folder: string) {
    this.#folder = folder;
    process.once("exit", () => {
      for (const { pid } of this.#places) process.kill(pid, "SIGKILL");
    });
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  }

  async create(template?: Place): Promise<Place> {
    const folder = await mkdtemp(join(this.#folder, "tasks-bench-"));
    if (template instanceof RedisPlace) await copyFile(template.dump, join(folder, DUMP));
    const place = await RedisPlace.start(folder, () => {
      this.#endedCpuUs += place.cpuUs();
      this.#places.delete(place);
    });
    this.#places.add(place);
    return place;
  }

  serverCpuUs(): number {
    return [...this.#places].reduce((sum, place) => sum + place.cpuUs(), this.#endedCpuUs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#places) await place[Symbol.asyncDispose]();
  }
}

/** Queries and statements are Lua. */
class RedisPlace implements Place {
  readonly address: string;
  readonly pid: number;
  readonly dump: string;
  readonly #client: Redis;
  readonly #folder: string;
  readonly #stop: () => Promise<void>;
  readonly #onEnd: () => void;

  private constructor(parts: RedisPlaceParts) {
    this.address = parts.url;
    this.pid = parts.pid;
    this.dump = join(parts.folder, DUMP);
    this.#client = parts.client;
    this.#folder = parts.folder;
    this.#stop = parts.stop;
    this.#onEnd = parts.onEnd;
  }

  static async start(folder: string, onEnd: () => void): Promise<RedisPlace> {
    const server = await withFreePort((port) =>
      spawnServer({
        command: requireExecutable("redis-server"),
        args: ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        options: { cwd: folder },
        ready: /Ready to accept connections/,
        stopSignal: "SIGKILL",
        url: `redis://127.0.0.1:${port}`,
      }),
    );
    const { url } = server;
    const client = new Redis(url);
    const info = await client.info("server");
    const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
    // Only now: a server that starts with a log reads no dump.
    await client.config("SET", "appendonly", "yes");
    while (!/aof_rewrite_in_progress:0/.test(await client.info("persistence")));
    return new RedisPlace({ url, pid, client, folder, stop: () => server.stop(), onEnd });
  }

  cpuUs(): number {
    return familyCpuUs(this.pid);
  }

  async value(query: string): Promise<unknown> {
    return this.#client.eval(query, 0);
  }

  async exec(statement: string): Promise<void> {
    await this.#client.eval(statement, 0);
  }

  async settle(): Promise<void> {
    await this.#client.save();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onEnd();
    this.#client.disconnect();
    await this.#stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface RedisPlaceParts {
  readonly url: string;
  readonly pid: number;
  readonly client: Redis;
  readonly folder: string;
  readonly stop: () => Promise<void>;
  readonly onEnd: () => void;
}
