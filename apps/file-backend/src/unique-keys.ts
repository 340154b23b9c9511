import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { isFinished, type UniqueClaim } from "@tasks/core";

import { guard, readText } from "./file-system.ts";
import { latestNumber, numberedPath, takeNumber } from "./numbered-files.ts";
import type { StoredTask } from "./stored-task.ts";
import type { TaskFolders } from "./task-folders.ts";

/** One taking of a key, as it is stored. */
interface Taking extends Pick<UniqueClaim, "scope" | "windowMs"> {
  /** Who took it. */
  readonly id: string;
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
  async take(claim: UniqueClaim, id: string): Promise<StoredTask | undefined> {
    const folder = join(this.#path, createHash("sha256").update(claim.key).digest("hex"));
    await guard(folder, () => mkdir(folder, { recursive: true }));
    const { scope, windowMs } = claim;
    for (;;) {
      const number = await latestNumber(folder);
      const holder = await this.#holder(numberedPath(folder, number));
      if (holder !== undefined) return holder;
      const taking: Taking = { id, scope, windowMs };
      if (await takeNumber(folder, number + 1, JSON.stringify(taking))) return undefined;
    }
  }

  async #holder(path: string): Promise<StoredTask | undefined> {
    const taking = parse(await readText(path));
    if (taking === undefined) return undefined;
    // Its process may have taken the key and not come to publishing the task: that is done for it, or the key would look free.
    await this.#tasks.publish(taking.id);
    const task = await this.#tasks.read(taking.id);
    return task !== undefined && isHeld(taking, task) ? task : undefined;
  }
}

function isHeld({ scope, windowMs }: Taking, { record, fence }: StoredTask): boolean {
  switch (scope) {
    case "until-started":
      return fence === 0 && record.status === "READY";
    case "until-finished":
      return !isFinished(record.status);
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
