import { isOfTurbopack, type DefinitionSite } from "./definition-site.ts";
import { InvalidTask } from "./errors.ts";
import { log } from "./log.ts";
import { ofProcess } from "./process-state.ts";
import type { AnyFunction, Task } from "./task.ts";

/** A task of any signature. */
// oxlint-disable-next-line typescript/no-explicit-any -- a registry holds tasks of every signature, and only `any` is assignable both ways
export type AnyTask = Task<any, any>;

/** How a task was defined. */
interface Definition extends DefinitionSite {
  readonly fn: AnyFunction;
  /** Stands for the copy of this package that it was defined with. */
  readonly copy: object;
}

// Maps, never objects: a stored name such as "constructor" must find nothing.
const tasks = /* @__PURE__ */ ofProcess("tasks", () => new Map<string, AnyTask>());
const definitions = /* @__PURE__ */ ofProcess("definitions", () => new Map<string, Definition>());
const thisCopy = {};
/** Definitions of this turn of the event loop: names, by file. */
const justDefined = new Set<string>();

/** Every task defined in this process so far, by name. */
export function registeredTasks(): ReadonlyMap<string, AnyTask> {
  return tasks;
}

/**
 * Adds a newly defined task. A module that is loaded again replaces its definitions.
 *
 * @param site where it is defined.
 * @throws InvalidTask when the name belongs to another function.
 */
export function registerTask(task: AnyTask, site: DefinitionSite): void {
  const { name, fn } = task;
  const earlier = definitions.get(name);
  const definition: Definition = { ...site, fn, copy: thisCopy };
  if (earlier !== undefined && earlier.fn !== fn) {
    if (!isReloaded(name, earlier, definition) && !isBundledTwice(earlier, definition)) {
      throw new InvalidTask(describeConflict(name, earlier, definition));
    }
    log(
      "debug",
      `Task '${name}' was defined again by ${site.file}; the newest definition is used.`,
    );
  }
  tasks.set(name, task);
  definitions.set(name, definition);
  noteDefined(definitionKey(name, definition));
}

/** Hot reload: a module replaces its own definitions. Two definitions of one name within one evaluation of a module are a mistake. */
function isReloaded(name: string, earlier: Definition, later: Definition): boolean {
  if (process.env["NODE_ENV"] === "production" || later.file === undefined) return false;
  if (earlier.file !== later.file) return false;
  return earlier.copy !== later.copy || !justDefined.has(definitionKey(name, later));
}

/** A bundler put one module into several bundles. They may differ in what they call things. */
function isBundledTwice(earlier: Definition, later: Definition): boolean {
  const { bundle } = later;
  if (bundle !== undefined && earlier.bundle !== undefined) {
    return bundle !== earlier.bundle && later.file === earlier.file;
  }
  return (
    (earlier.copy !== later.copy && outlineOf(earlier.fn) === outlineOf(later.fn)) ||
    isInBundlesOfTurbopack(earlier, later)
  );
}

/** Two modules look like one here, where no source map tells them apart. In development there is one. */
function isInBundlesOfTurbopack(earlier: Definition, later: Definition): boolean {
  const files = [earlier, later].map(({ bundle, file }) => bundle ?? file);
  return files[0] !== files[1] && files.every(isOfTurbopack);
}

function outlineOf(fn: AnyFunction): string {
  return String(fn)
    .replace(/\b[\w$]{1,2}\b/g, "_")
    .replace(/\s+/g, "");
}

function describeConflict(name: string, earlier: Definition, later: Definition): string {
  const conflict = `A task named '${name}' is already defined by another function. Give one of them another name.`;
  return earlier.file === later.file
    ? conflict
    : `${conflict} One is in ${earlier.file}, the other in ${later.file}; hot reload replaces definitions of the same file only.`;
}

function definitionKey(name: string, { file, bundle }: Definition): string {
  return `${bundle ?? file}\n${name}`;
}

function noteDefined(key: string): void {
  if (justDefined.size === 0) void Promise.resolve().then(() => justDefined.clear());
  justDefined.add(key);
}
