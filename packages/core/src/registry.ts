import { InvalidTask } from "./errors.ts";
import type { Task } from "./task.ts";

/** A task of any signature. */
// oxlint-disable-next-line typescript/no-explicit-any -- a registry holds tasks of every signature, and only `any` is assignable both ways
export type AnyTask = Task<any, any>;

// A Map, never an object: a stored name such as "constructor" must find nothing.
const tasks = new Map<string, AnyTask>();

/** Every task defined in this process so far, by name. */
export function registeredTasks(): ReadonlyMap<string, AnyTask> {
  return tasks;
}

/** Adds a newly defined task. @throws InvalidTask when the name belongs to another function. */
export function registerTask(task: AnyTask): void {
  const existing = tasks.get(task.name);
  if (existing !== undefined && existing.fn !== task.fn) {
    throw new InvalidTask(
      `A task named '${task.name}' is already defined by another function. Give one of them another name.`,
    );
  }
  tasks.set(task.name, task);
}
