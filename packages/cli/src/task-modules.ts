import { dirname } from "node:path";

import { glob } from "tinyglobby";

import type { LoadedConfig } from "./config.ts";
import { CliError } from "./errors.ts";
import { importModule } from "./import-module.ts";

/** Never task modules, whatever a pattern says. */
const IGNORED = ["**/node_modules/**", "**/*.d.{ts,mts,cts}"];

/**
 * Imports every task module of a configuration, so that its tasks are registered.
 *
 * @returns their absolute paths, sorted.
 * @throws CliError for a pattern that matches nothing and for a module that throws.
 */
export async function importTaskModules(loaded: LoadedConfig): Promise<readonly string[]> {
  const files = await findTaskModules(loaded);
  for (const file of files) await importModule(file, "The task module");
  return files;
}

/**
 * Finds the task modules of a configuration: absolute paths, sorted.
 *
 * @throws CliError for a pattern that matches nothing.
 */
async function findTaskModules({ config, file }: LoadedConfig): Promise<readonly string[]> {
  const excluded = config.tasks.filter(isExclusion).map((pattern) => pattern.slice(1));
  const found = new Set<string>();
  for (const pattern of config.tasks.filter((one) => !isExclusion(one))) {
    const matches = await glob(pattern, {
      cwd: dirname(file),
      absolute: true,
      expandDirectories: false,
      ignore: [...IGNORED, ...excluded],
    });
    if (matches.length === 0) {
      throw new CliError(
        `No file matches ${JSON.stringify(pattern)}, one of the tasks in ${file}. ` +
          "Patterns are relative to the configuration file, such as ./src/tasks/**/*.ts.",
      );
    }
    for (const match of matches) found.add(match);
  }
  return [...found].toSorted();
}

function isExclusion(pattern: string): boolean {
  return pattern.startsWith("!");
}
