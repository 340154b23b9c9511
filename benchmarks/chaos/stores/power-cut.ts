import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

import type { CrashableServer } from "./store.ts";

/** How old what reaches the disk in time is, at least, in milliseconds. */
const WRITTEN_MS = 1000;
/** How often the size of the log is looked at, in milliseconds. */
const LOOK_EVERY_MS = 20;

/**
 * A server whose crash takes the last second with it. When a process is killed, what it wrote is safe with the operating system; when the power fails,
 * what the disk does not have is gone. So the log is cut to what it was a second before, which is what `appendfsync everysec` promises to keep.
 */
export class PowerCut implements CrashableServer, Disposable {
  readonly #server: CrashableServer;
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;
  /** Sizes seen, oldest first. */
  #sizes: { readonly atMs: number; readonly size: number }[] = [];

  constructor(server: CrashableServer, folder: string) {
    this.#server = server;
    this.#folder = join(folder, "appendonlydir");
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  async kill(): Promise<void> {
    await this.#server.kill();
    const [kept] = this.#sizes;
    if (kept !== undefined) truncateSync(this.#log(), kept.size);
    this.#sizes = [];
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const atMs = performance.now();
    this.#sizes.push({ atMs, size: statSync(this.#log(), { throwIfNoEntry: false })?.size ?? 0 });
    while (this.#sizes[1] !== undefined && this.#sizes[1].atMs <= atMs - WRITTEN_MS) {
      this.#sizes.shift();
    }
  }

  /** The part of the log that grows. */
  #log(): string {
    const name = readdirSync(this.#folder).find((file) => file.endsWith(".incr.aof"));
    return join(this.#folder, name ?? "");
  }
}
