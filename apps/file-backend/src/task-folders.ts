import { rm } from "node:fs/promises";
import { join } from "node:path";

import { createId, log, TaskResultDoesNotExist, TasksError } from "@tasks/core";

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

/** All tasks: a folder of numbered files each, `tasks/<id>/<version>.json`. */
export class TaskFolders {
  /** The folder that holds the tasks' folders. */
  readonly path: string;
  readonly #staging: string;
  /** What was read last, by id: a numbered file never changes, so it is read once. */
  readonly #known = new Map<string, StoredTask>();
  /** Files that could not be understood, by id. */
  readonly #damaged = new Map<string, DamagedTask>();

  constructor(root: string) {
    this.path = join(root, "tasks");
    this.#staging = join(root, "staging");
  }

  /** Damaged tasks seen so far. */
  get damaged(): readonly DamagedTask[] {
    return [...this.#damaged.values()];
  }

  /** Writes a new task where nobody looks. */
  async stage(task: TaskChange): Promise<void> {
    await createNumbered(join(this.#staging, task.record.id), encodeTask(task));
  }

  /** Makes a staged task visible. Does nothing when somebody else has done it, or there is none. */
  async publish(id: string): Promise<void> {
    await moveFolder(join(this.#staging, id), this.#folder(id));
  }

  /** Throws a staged task away. */
  async discard(id: string): Promise<void> {
    await rm(join(this.#staging, id), { recursive: true, force: true });
  }

  /** @throws DamagedTask */
  async read(id: string): Promise<StoredTask | undefined> {
    // Ids become paths: what cannot be an id is not looked for.
    if (!/^\w{1,64}$/.test(id)) return undefined;
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
    const ids = await listFolder(this.path);
    const tasks = await Promise.all(ids.map((id) => this.#readUndamaged(id)));
    const present = new Set(ids);
    for (const id of this.#known.keys()) if (!present.has(id)) this.#known.delete(id);
    for (const id of this.#damaged.keys()) if (!present.has(id)) this.#damaged.delete(id);
    return tasks.filter((task) => task !== undefined);
  }

  /** Replaces a task as it was read. `false` when somebody else was faster. */
  async replace(current: StoredTask, next: TaskChange): Promise<boolean> {
    return takeNumber(this.#folder(current.record.id), current.version + 1, encodeTask(next));
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
    return join(this.path, id);
  }
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
