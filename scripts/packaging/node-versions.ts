import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import { repository } from "./published-packages.ts";

/** The last release of every line that the published packages support, oldest first. */
export const supportedNodes = ["20.20.2", "22.23.3", "24.21.0", "26.10.0"] as const;

/**
 * The path of a Node of exactly this version: the running one, or one that npm installs once into the
 * workspace's cache folder.
 */
export async function obtainNode(version: string): Promise<string> {
  if (process.versions.node === version) return process.execPath;
  const folder = join(repository, "node_modules/.cache/node-versions", version);
  const path = join(folder, "node_modules/node/bin/node");
  if (!existsSync(path)) await install(version, folder);
  const output = await runToEnd(path, ["--version"]);
  if (output.trim() !== `v${version}`) throw new Error(`Expected v${version}, got ${output}`);
  return path;
}

async function install(version: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
  // The package fetches the binary for this platform in its install script.
  const args = ["install", "--prefix", folder, "--ignore-scripts=false", ...options];
  await runToEnd("npm", [...args, `node@${version}`], { cwd: folder });
}
