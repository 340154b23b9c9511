import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";

import type { TasksConfig } from "@tasks/core";

import { CliError, UsageError } from "./errors.ts";
import { importModule } from "./import-module.ts";

/** Names a configuration may have, in the order of preference. */
const CONFIG_NAMES = [
  "tasks.config.ts",
  "tasks.config.mts",
  "tasks.config.js",
  "tasks.config.mjs",
] as const;

/** A configuration and where it was found. */
export interface LoadedConfig {
  readonly config: TasksConfig;
  /** Absolute path. */
  readonly file: string;
}

/**
 * The file to load: the given one, or the first found in the working directory or a directory above it.
 *
 * @throws UsageError when there is none.
 */
export function findConfig(cwd: string, given?: string): string {
  if (given !== undefined) {
    const file = resolve(cwd, given);
    if (existsSync(file)) return file;
    throw new UsageError(`The configuration file ${file} does not exist.`);
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    for (const name of CONFIG_NAMES) {
      const file = join(folder, name);
      if (existsSync(file)) return file;
    }
    if (dirname(folder) === folder) break;
  }
  throw new UsageError(
    `No configuration found: there is no ${CONFIG_NAMES[0]} (or .mts, .js, .mjs) in ${resolve(cwd)} or any folder above it. ` +
      "Create one that exports what configureTasks() returns, or name it with --config <file>.",
  );
}

/**
 * Imports a configuration.
 *
 * @throws CliError when it cannot be imported or does not export what `configureTasks()` returns.
 */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  assertOneCore(file);
  const module = await importModule(file, "The configuration");
  if (!("default" in module)) {
    throw new CliError(
      `The configuration ${file} has no default export. Write: export default configureTasks({ backends: { … } });`,
    );
  }
  const config = module["default"];
  if (!isTasksConfig(config)) {
    throw new CliError(
      `The default export of ${file} is not a configuration. Export what configureTasks() returns: export default configureTasks({ backends: { … } });`,
    );
  }
  return { config, file };
}

function isTasksConfig(value: unknown): value is TasksConfig {
  if (typeof value !== "object" || value === null) return false;
  const { backends, tasks, close } = value as Partial<Record<keyof TasksConfig, unknown>>;
  return (
    typeof backends === "object" &&
    backends !== null &&
    "aliases" in backends &&
    Array.isArray(tasks) &&
    typeof close === "function"
  );
}

/** Tasks register in the copy of core that their module imports: with two copies this command would see none of them. */
function assertOneCore(file: string): void {
  const own = resolveCore(import.meta.url);
  const theirs = resolveCore(file);
  if (own === undefined || theirs === undefined || own === theirs) return;
  throw new CliError(
    `This command uses ${own}, but ${file} uses ${theirs}. Both must be one copy of @tasks/core: ` +
      "install @tasks/cli in the same project and start it from there (npx tasks).",
  );
}

function resolveCore(from: string): string | undefined {
  try {
    return createRequire(from).resolve("@tasks/core");
  } catch {
    return undefined;
  }
}
