/**
 * The packaging proof: packs every published package, lints the tarballs, installs them with plain npm into an
 * empty project and uses them there under every supported Node. Prints one line per check, and the count last.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import { checkBundlers } from "./bundlers.ts";
import { Checks } from "./checks.ts";
import { checkDocumentedPrograms } from "./documented-programs.ts";
import { lintTarball } from "./lint-tarball.ts";
import { obtainNode, supportedNodes } from "./node-versions.ts";
import { packPackage } from "./pack-package.ts";
import { createProject } from "./project.ts";
import { publishedPackages, repository } from "./published-packages.ts";
import { removeStaleOutput } from "./stale-output.ts";
import { checkTypes } from "./types.ts";
import { checkUsage } from "./usage.ts";

const checks = new Checks();
const folder = await mkdtemp(join(tmpdir(), "tasks-packaging-"));
try {
  await prove();
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`packaging: ${checks.passed} passed, ${checks.failed} failed`);
process.exitCode = checks.failed === 0 ? 0 : 1;

async function prove(): Promise<void> {
  const packages = publishedPackages();
  const built = await checks.run("build", async () => {
    for (const { folder: source } of packages) removeStaleOutput(source);
    await runToEnd("tsc", ["-b"], { cwd: repository });
  });
  if (!built) return;

  await mkdir(join(folder, "tarballs"));
  const tarballs: string[] = [];
  for (const published of packages) {
    const tarball = join(folder, "tarballs", `${published.folderName}.tgz`);
    const packed = await checks.run(`${published.name}: pack`, () =>
      packPackage(published, tarball),
    );
    if (!packed) continue;
    tarballs.push(tarball);
    await lintTarball(checks, published, tarball);
  }
  // Half a set of packages would only repeat the failure in other words.
  if (tarballs.length < packages.length) return;

  const project = join(folder, "project");
  const installed = await checks.run("install the tarballs with npm into an empty project", () =>
    createProject(project, packages, tarballs),
  );
  if (!installed) return;

  await checkTypes(checks, project, packages);
  await checkBundlers(checks, project);
  for (const version of supportedNodes) {
    let node = "";
    const obtained = await checks.run(`Node ${version}: is at hand`, async () => {
      node = await obtainNode(version);
    });
    if (!obtained) continue;
    for (const published of packages) {
      await checkUsage(checks, { project, published, node, version });
    }
    await checkDocumentedPrograms(checks, { project, node, version });
  }
}
