import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

import { appFolder } from "./places.ts";

/** Starts the `tasks` command, as `npx tasks …` would, in this application's folder and on the same Node. */
export function startTasksCommand(args: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawn(process.execPath, [findCommand(), ...args], { cwd: appFolder, stdio });
}

function findCommand(): string {
  const manifest = createRequire(import.meta.url).resolve("@tasks/cli/package.json");
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly bin: { tasks: string } };
  return resolve(manifest, "..", bin.tasks);
}
