import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";

import { runToEnd } from "../run-to-end.mjs";
import { findExecutable } from "./find-executable.mjs";
import { isRoot } from "./unprivileged-account.mjs";

const POLICY = "/usr/sbin/policy-rc.d";

/** Whether packages can be installed here without asking anybody. */
export function canInstallPackages() {
  return isRoot() && findExecutable("apt-get") !== undefined;
}

/**
 * Installs Debian packages, without letting Debian start their services on the standard ports.
 *
 * @param {readonly string[]} packages
 */
export async function installPackages(packages) {
  const ownsPolicy = !existsSync(POLICY);
  if (ownsPolicy) await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await aptGet("update");
    await aptGet("install", "--no-install-recommends", ...packages);
  } finally {
    if (ownsPolicy) await rm(POLICY, { force: true });
  }
}

/** @param {readonly string[]} args */
async function aptGet(...args) {
  await runToEnd("apt-get", ["--yes", "-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}
