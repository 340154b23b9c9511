import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";
import { repository } from "./published-packages.ts";
import type { Usage } from "./usage.ts";

const TIMEOUT_MS = 60_000;

/** Runs the first program of the README as a newcomer would paste it. */
export async function checkReadme(
  checks: Checks,
  { project, node, version }: Pick<Usage, "project" | "node" | "version">,
): Promise<void> {
  const path = join(repository, "README.md");
  if (!existsSync(path)) {
    console.log(`-     Node ${version}: the program in the README (there is no README.md)`);
    return;
  }
  await checks.run(`Node ${version}: the program in the README`, async () => {
    const program = /^```ts\n(.*?)^```$/ms.exec(readFileSync(path, "utf8"))?.[1];
    if (program === undefined) throw new Error("The README has no ```ts program.");
    // Node 20 cannot read TypeScript, and types change nothing at run time.
    const [file, text] = version.startsWith("20.")
      ? ["readme.mjs", stripTypeScriptTypes(program)]
      : ["readme.ts", program];
    await writeFile(join(project, file), text);
    await runToEnd(node, [file], { cwd: project, timeout: TIMEOUT_MS });
  });
}
