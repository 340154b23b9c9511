import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { build, type BuildOptions } from "esbuild";
import { onTestFinished } from "vitest";

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-core-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Bundles a program together with a copy of this package of its own. */
export async function bundle(
  file: string,
  contents: string,
  options: BuildOptions = {},
): Promise<void> {
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, sourcefile: "program.js" },
    bundle: true,
    platform: "node",
    format: file.endsWith(".cjs") ? "cjs" : "esm",
    outfile: file,
    logLevel: "silent",
    ...options,
  });
}

/** Runs a module in a process of its own, and gives its output and warnings. */
export async function runProgram(
  folder: string,
  contents: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const file = join(folder, "program.mjs");
  await writeFile(file, contents);
  return promisify(execFile)(process.execPath, [file], { env: { ...process.env, ...env } });
}
