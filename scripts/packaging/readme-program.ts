import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";
import { repository } from "./published-packages.ts";
import type { Usage } from "./usage.ts";

const TIMEOUT_MS = 60_000;
/** What `sqlite:` says on a Node without `node:sqlite`. */
const SQLITE_ADVICE = "Use Node 22.13 or newer";

/** Runs the first program of the README as a newcomer would paste it, in a folder of its own. */
export async function checkReadme(
  checks: Checks,
  { project, node, version }: Pick<Usage, "project" | "node" | "version">,
): Promise<void> {
  const program = firstProgram();
  const folder = join(project, `readme-${version}`);
  // Node 20 reads no TypeScript, and types change nothing at run time.
  const isNode20 = version.startsWith("20.");
  const [file, text] = isNode20
    ? ["readme.mjs", stripTypeScriptTypes(program)]
    : ["readme.ts", program];
  const run = async () => {
    await mkdir(folder);
    await writeFile(join(folder, file), text);
    return runToEnd(node, [file], { cwd: folder, timeout: TIMEOUT_MS });
  };
  const name = `Node ${version}: the program in the README`;
  if (isNode20 && program.includes("sqlite:")) {
    await checks.run(`${name} says which Node has SQLite`, () => assertAdvice(run()));
  } else {
    await checks.run(name, async () => void (await run()));
  }
}

function firstProgram(): string {
  const readme = readFileSync(join(repository, "README.md"), "utf8");
  const program = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1];
  if (program === undefined) throw new Error("The README has no ```ts program.");
  return program;
}

async function assertAdvice(running: Promise<string>): Promise<void> {
  const reason = await running.then(
    () => "The program ended without an error.",
    (error: unknown) => String(error),
  );
  if (!reason.includes(SQLITE_ADVICE)) throw new Error(reason);
}
