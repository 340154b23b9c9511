import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { appFolder } from "./places.ts";

/** Starts the `tasks` command, as `npx tasks …` would, in this application's folder and on the same Node. */
export function startTasksCommand(
  args: readonly string[],
  options: SpawnOptions,
  nodeOptions: readonly string[] = [],
): ChildProcess {
  const command = [...nodeOptions, findCommand(), ...args];
  return spawn(process.execPath, command, { cwd: appFolder, ...options });
}

function findCommand(): string {
  const manifest = fileURLToPath(import.meta.resolve("@tasks/cli/package.json"));
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly bin: { tasks: string } };
  return resolve(manifest, "..", bin.tasks);
}
