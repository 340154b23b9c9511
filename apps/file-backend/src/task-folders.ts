import { rm } from "node:fs/promises";
import { join } from "node:path";

import { createId, isTaskId, log, TaskResultDoesNotExist, TasksError } from "@tasks/core";

import { listFolder, readText } from "./file-system.ts";
import {
  createNumbered,
  latestNumber,
  moveFolder,
  numberedPath,
  takeNumber,
} from "./numbered-files.ts";
import {
  decodeTask,
  DELETED,
  encodeTask,
  type StoredTask,
  type TaskChange,
} from "./stored-task.ts";
import type { WakeUp } from "./wake-up.ts";

/** All tasks: a folder of numbered files each, `tasks/<id>/<version>.json`. */
export class TaskFolders {
  readonly #path: string;
  readonly #staging: string;
  readonly #wakeUp: WakeUp;
  /** What was read last, by id: a numbered file never changes, so it is read once. */
  readonly #known = new Map<string, StoredTask>();
  /** Files that could not be understood, by id. */
  readonly #damaged = new Map<string, DamagedTask>();

  constructor(root: string, wakeUp: WakeUp) {
    this.#path = join(root, "tasks");
    this.#staging = join(root, "staging");
    this.#wakeUp = wakeUp;
  }

  /** Damaged tasks seen so far. */
  get damaged(): readonly DamagedTask[] {
    return [...this.#damaged.values()];
  }

  /** Writes a new task to the staging folder, under a unique name. Workers do not read it there. */
  async stage(task: TaskChange, staged: string): Promise<void> {
    await createNumbered(join(this.#staging, staged), encodeTask(task));
  }

  /**
   * Makes a staged task visible. `false` if it was published already, does not exist, or its id is
   * used by another task.
   */
  async publish(staged: string, id: string): Promise<boolean> {
    const isPublished = await moveFolder(join(this.#staging, staged), this.#folder(id));
    if (isPublished) await this.#wakeUp.announce();
    return isPublished;
  }

  /** A staged task waits to be published. */
  async isStaged(staged: string): Promise<boolean> {
    return (await latestNumber(join(this.#staging, staged))) > 0;
  }

  /** Throws a staged task away. */
  async discard(staged: string): Promise<void> {
    await rm(join(this.#staging, staged), { recursive: true, force: true });
  }

  /** @throws DamagedTask */
  async read(id: string): Promise<StoredTask | undefined> {
    if (!isTaskId(id)) return undefined;
    const version = await latestNumber(this.#folder(id));
    const known = this.#known.get(id);
    if (known?.version === version) return known;
    const text = await readText(numberedPath(this.#folder(id), version));
    return text === undefined ? undefined : this.#decode(id, version, text);
  }

  /** @throws TaskResultDoesNotExist; DamagedTask */
  async require(id: string): Promise<StoredTask> {
    const task = await this.read(id);
    if (task === undefined) throw new TaskResultDoesNotExist(id);
    return task;
  }

  /** Every task that can be read; damaged ones are reported and left out. */
  async readAll(): Promise<readonly StoredTask[]> {
    const ids = (await listFolder(this.#path)).map(toId);
    const tasks = await Promise.all(ids.map((id) => this.#readUndamaged(id)));
    const present = new Set(ids);
    for (const id of this.#known.keys()) if (!present.has(id)) this.#known.delete(id);
    for (const id of this.#damaged.keys()) if (!present.has(id)) this.#damaged.delete(id);
    return tasks.filter((task) => task !== undefined);
  }

  /** Replaces a task as it was read. `false` when somebody else was faster. */
  async replace(current: StoredTask, next: TaskChange): Promise<boolean> {
    const folder = this.#folder(current.record.id);
    const isReplaced = await takeNumber(folder, current.version + 1, encodeTask(next));
    if (isReplaced && next.record.status === "READY") await this.#wakeUp.announce();
    return isReplaced;
  }

  /**
   * Replaces a task by what a function makes of it, again whenever somebody else was faster. Where the function gives `undefined` the task stays.
   *
   * @returns the task as it then stands.
   * @throws TaskResultDoesNotExist; DamagedTask
   */
  async change(
    id: string,
    change: (task: StoredTask) => TaskChange | undefined,
  ): Promise<TaskChange> {
    for (;;) {
      const current = await this.require(id);
      const next = change(current);
      if (next === undefined) return current;
      if (await this.replace(current, next)) return next;
    }
  }

  /** Deletes a task as it was read. `false` when somebody else was faster. */
  async remove({ record: { id }, version }: StoredTask): Promise<boolean> {
    // The last word comes first, so that nobody changes what is about to go.
    if (!(await takeNumber(this.#folder(id), version + 1, DELETED))) return false;
    const grave = join(this.#staging, createId());
    await moveFolder(this.#folder(id), grave);
    await rm(grave, { recursive: true, force: true });
    return true;
  }

  #decode(id: string, version: number, text: string): StoredTask | undefined {
    try {
      const task = decodeTask(text, version);
      if (task !== undefined) this.#known.set(id, task);
      this.#damaged.delete(id);
      return task;
    } catch (cause) {
      const error = new DamagedTask(numberedPath(this.#folder(id), version), cause);
      if (this.#damaged.get(id)?.path !== error.path) log("error", error.message, { taskId: id });
      this.#damaged.set(id, error);
      throw error;
    }
  }

  async #readUndamaged(id: string): Promise<StoredTask | undefined> {
    try {
      return await this.read(id);
    } catch (error) {
      if (error instanceof DamagedTask) return undefined;
      throw error;
    }
  }

  #folder(id: string): string {
    return join(this.#path, toName(id));
  }
}

/** An id as the name of a folder: not every character may be in one, and not every name is free. */
function toName(id: string): string {
  return /^\w+$/.test(id) ? id : `=${encodeURIComponent(id)}`;
}

function toId(name: string): string {
  return name.startsWith("=") ? decodeURIComponent(name.slice(1)) : name;
}

/** A task's latest file cannot be understood. */
export class DamagedTask extends TasksError {
  override readonly name = "DamagedTask";
  readonly path: string;

  constructor(path: string, cause: unknown) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    super(
      "TASKS_FILE_DAMAGED",
      `The file '${path}' is damaged and its task left alone: ${problem} Repair the file, or remove its folder.`,
      { cause },
    );
    this.path = path;
  }
}
