import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import { requiredPeers, type PublishedPackage } from "./published-packages.ts";

/** Makes the project of somebody who knows nothing of this workspace: tarballs, required peers, plain npm. */
export async function createProject(
  project: string,
  packages: readonly PublishedPackage[],
  tarballs: readonly string[],
): Promise<string> {
  await mkdir(project);
  await writeFile(join(project, "package.json"), `{ "private": true, "type": "module" }\n`);
  await cp(join(import.meta.dirname, "probes"), project, { recursive: true });
  const peers = [...new Set(packages.flatMap((published) => requiredPeers(published)))];
  const options = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  await runToEnd("npm", ["install", ...options, ...tarballs, ...peers], { cwd: project });
  return peers.length > 0 ? `with ${peers.join(", ")}` : "with no peers";
}
