import { globSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";
import type { PublishedPackage } from "./published-packages.ts";

const TIMEOUT_MS = 60_000;

export interface Usage {
  readonly project: string;
  readonly published: PublishedPackage;
  /** The path of the Node to use. */
  readonly node: string;
  readonly version: string;
}

/**
 * Uses an installed package: imports it, requires it, asks its commands for their version, and runs the
 * package's own `test/packed/*.mjs`, each of which proves something by ending without an error.
 */
export async function checkUsage(checks: Checks, usage: Usage): Promise<void> {
  const { published, version } = usage;
  const label = `Node ${version}: ${published.name}`;
  const probeArgs = [published.entryPoints, published.optionalPeers].map((value) =>
    JSON.stringify(value),
  );
  await checks.run(`${label}: import`, () => run(usage, ["import-entries.mjs", ...probeArgs]));
  await checks.run(`${label}: require`, () => run(usage, ["require-entries.cjs", ...probeArgs]));
  for (const command of Object.keys(published.manifest.bin ?? {})) {
    await checks.run(`${label}: ${command} --version`, () => checkCommand(usage, command));
  }
  for (const script of globSync("test/packed/*.mjs", { cwd: published.folder }).sort()) {
    const copy = `${published.folderName}-${basename(script)}`;
    await checks.run(`${label}: ${script}`, async () => {
      await copyFile(join(published.folder, script), join(usage.project, copy));
      await run(usage, [copy]);
    });
  }
}

/** Runs the project's Node. What it wrote becomes the remark of the check. */
async function run({ project, node }: Usage, args: readonly string[]): Promise<string | undefined> {
  const output = await runToEnd(node, args, { cwd: project, timeout: TIMEOUT_MS });
  return output.trim().replaceAll("\n", ", ") || undefined;
}

async function checkCommand({ project, published, node }: Usage, command: string): Promise<void> {
  const output = await runToEnd(join(project, "node_modules/.bin", command), ["--version"], {
    cwd: project,
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}` },
    timeout: TIMEOUT_MS,
  });
  if (output.trim() !== published.manifest.version) {
    throw new Error(`Expected ${published.manifest.version}, got: ${output}`);
  }
}
