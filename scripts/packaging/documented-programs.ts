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
/** Documents whose first program a newcomer would paste. */
const DOCUMENTS = ["README.md", "docs/coming-from-django.md"];

/** Runs each document's first program in a folder of its own, and holds what it prints against the comments behind its `console.log` lines. */
export async function checkDocumentedPrograms(
  checks: Checks,
  { project, node, version }: Pick<Usage, "project" | "node" | "version">,
): Promise<void> {
  for (const [index, document] of DOCUMENTS.entries()) {
    const program = firstProgram(document);
    // Node 20 reads no TypeScript, and types change nothing at run time.
    const isNode20 = version.startsWith("20.");
    const [file, text] = isNode20
      ? ["program.mjs", stripTypeScriptTypes(program)]
      : ["program.ts", program];
    const run = async (): Promise<string> => {
      const folder = join(project, `document-${index}-${version}`);
      await mkdir(folder);
      await writeFile(join(folder, file), text);
      // Node 22 warns that SQLite and types are experimental; what the program prints is looked at here.
      const env = { ...process.env, NODE_NO_WARNINGS: "1" };
      return runToEnd(node, [file], { cwd: folder, timeout: TIMEOUT_MS, env });
    };
    const name = `Node ${version}: the program in ${document}`;
    if (isNode20 && program.includes("sqlite:")) {
      await checks.run(`${name} says which Node has SQLite`, () => assertAdvice(run()));
    } else {
      await checks.run(`${name} prints what it says`, async () => {
        assertPrinted(expectedLines(program), await run());
      });
    }
  }
}

function firstProgram(document: string): string {
  const text = readFileSync(join(repository, document), "utf8");
  const program = /^```ts\n(.*?)^```$/ms.exec(text)?.[1];
  if (program === undefined) throw new Error(`${document} has no \`\`\`ts program.`);
  return program;
}

function expectedLines(program: string): string[] {
  return [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line = ""]) => line);
}

function assertPrinted(expected: readonly string[], output: string): void {
  const printed = output.trim().split("\n");
  if (expected.length === 0) throw new Error("The program does not say what it prints.");
  if (printed.join("\n") === expected.join("\n")) return;
  throw new Error(`Expected:\n${expected.join("\n")}\nPrinted:\n${output}`);
}

async function assertAdvice(running: Promise<string>): Promise<void> {
  const reason = await running.then(
    () => "The program ended without an error.",
    (error: unknown) => String(error),
  );
  if (!reason.includes(SQLITE_ADVICE)) throw new Error(reason);
}
