import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";
import type { PublishedPackage } from "./published-packages.ts";

/** Asks the two package linters about the tarball itself, not about the folder it came from. */
export async function lintTarball(
  checks: Checks,
  { name }: PublishedPackage,
  tarball: string,
): Promise<void> {
  await checks.run(`${name}: publint`, async () => {
    await runToEnd("publint", ["run", tarball, "--strict"]);
  });
  await checks.run(`${name}: are the types wrong`, async () => {
    await runToEnd("attw", [tarball, "--profile", "esm-only", "--no-emoji", "--no-color"]);
  });
}
