import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { isFinished, type UniqueClaim } from "@tasks/core";

import { guard, listFolder, readText } from "./file-system.ts";
import { latestNumber, numberedPath, takeNumber } from "./numbered-files.ts";
import type { StoredTask } from "./stored-task.ts";
import type { TaskFolders } from "./task-folders.ts";

/** One taking of a key, as it is stored. */
interface Taking extends Pick<UniqueClaim, "scope" | "windowMs"> {
  /** Who took it. */
  readonly id: string;
  /** The name it was staged by. */
  readonly staged: string;
}

/**
 * Who holds a unique key: `keys/<hash>/<number>.json`, the highest number last.
 *
 * Nobody gives a key back. Whoever wants one asks whether its last taker still needs it, and if not takes the next number: of many, one succeeds.
 */
export class UniqueKeys {
  readonly #path: string;
  readonly #tasks: TaskFolders;

  constructor(root: string, tasks: TaskFolders) {
    this.#path = join(root, "keys");
    this.#tasks = tasks;
  }

  /** Takes a key for a staged task. Gives the task that holds it when somebody does. */
  async take(
    claim: UniqueClaim,
    { id, staged }: Pick<Taking, "id" | "staged">,
  ): Promise<StoredTask | undefined> {
    const folder = join(this.#path, createHash("sha256").update(claim.key).digest("hex"));
    await guard(folder, () => mkdir(folder, { recursive: true }));
    const { scope, windowMs } = claim;
    for (;;) {
      const number = await latestNumber(folder);
      const holder = await this.#holder(numberedPath(folder, number));
      if (holder !== undefined) return holder;
      const taking: Taking = { id, staged, scope, windowMs };
      if (await takeNumber(folder, number + 1, JSON.stringify(taking))) return undefined;
    }
  }

  /** Lengths of the windows that tasks hold or held last, by their ids. */
  async windows(): Promise<ReadonlyMap<string, number>> {
    const windows = new Map<string, number>();
    for (const name of await listFolder(this.#path)) {
      const folder = join(this.#path, name);
      const path = numberedPath(folder, await latestNumber(folder));
      const taking = parse(await readText(path));
      if (taking?.scope === "window") windows.set(taking.id, taking.windowMs);
    }
    return windows;
  }

  async #holder(path: string): Promise<StoredTask | undefined> {
    const taking = parse(await readText(path));
    if (taking === undefined) return undefined;
    // Its process may have taken the key and not come to publishing the task: that is done for it, or the key would look free.
    await this.#tasks.publish(taking.staged, taking.id);
    const task = await this.#tasks.read(taking.id);
    return task !== undefined && isHeld(taking, task) ? task : undefined;
  }
}

function isHeld(
  { scope, windowMs }: Taking,
  { record, holdsKey, wasFinished }: StoredTask,
): boolean {
  switch (scope) {
    case "until-started":
      return holdsKey && !wasFinished && !isFinished(record.status);
    case "until-finished":
      return !wasFinished && !isFinished(record.status);
    case "window":
      return record.enqueuedAt.getTime() + windowMs > Date.now();
  }
}

/** A damaged file holds no key. */
function parse(text: string | undefined): Taking | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Taking);
  } catch {
    return undefined;
  }
}
