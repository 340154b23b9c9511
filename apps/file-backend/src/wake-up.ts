import { watch, type FSWatcher } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createId } from "@tasks/core";

import { guard, readText } from "./file-system.ts";

const NAME = "wake-up";

/** Notifies idle workers of all processes of new work, by a file whose text changes each time. */
export class WakeUp {
  readonly #folder: string;
  readonly #path: string;

  constructor(root: string) {
    this.#folder = root;
    this.#path = join(root, NAME);
  }

  /** Notifies of a task that became ready or got a due time. */
  async announce(): Promise<void> {
    const draft = join(this.#folder, `.${createId()}`);
    await guard(this.#folder, async () => {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(draft, createId());
      await rename(draft, this.#path);
    });
  }

  /** Identifies the latest announcement; `undefined` before the first. */
  async latest(): Promise<string | undefined> {
    return readText(this.#path);
  }

  /**
   * Resolves when the latest announcement is not `seen`, after `maxMs`, or when the signal fires.
   */
  async wait(seen: string | undefined, maxMs: number, signal: AbortSignal): Promise<void> {
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const timer = setTimeout(end, maxMs);
    signal.addEventListener("abort", end, { once: true });
    // It watches before it reads, so that no announcement falls in between.
    const watcher = this.#watch(end);
    try {
      if (!signal.aborted && (await this.latest()) === seen) await ended;
    } finally {
      clearTimeout(timer);
      watcher?.close();
      signal.removeEventListener("abort", end);
    }
  }

  #watch(onChange: () => void): FSWatcher | undefined {
    try {
      const watcher = watch(this.#folder, (_event, name) => {
        if (name === NAME) onChange();
      });
      return watcher.on("error", () => watcher.close());
    } catch {
      // No folder yet, or no watchers left: the worker polls after its interval.
      return undefined;
    }
  }
}
