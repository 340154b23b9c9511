import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";
import { repository, type PublishedPackage } from "./published-packages.ts";

/**
 * Compiles a program that imports every entry point, with library checks on, as the strictest user would. The
 * resolution modes differ in how they find declaration files, so both are tried.
 */
export async function checkTypes(
  checks: Checks,
  project: string,
  packages: readonly PublishedPackage[],
): Promise<void> {
  const entryPoints = packages.flatMap((published) =>
    // Declarations for an optional peer need that peer.
    published.entryPoints.filter(
      (entryPoint) => !published.optionalPeers.some((peer) => entryPoint.endsWith(`/${peer}`)),
    ),
  );
  const program = entryPoints.map((name, index) => `import * as entry${index} from "${name}";\n`);
  const uses = entryPoints.map((_, index) => `entry${index};\n`);
  await writeFile(join(project, "consumer.ts"), [...program, ...uses].join(""));
  for (const [module, moduleResolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ] as const) {
    await checks.run(`types: ${entryPoints.length} entry points with ${moduleResolution}`, () =>
      compile(project, { module, moduleResolution }),
    );
  }
}

async function compile(project: string, mode: Readonly<Record<string, string>>): Promise<void> {
  const compilerOptions = {
    ...mode,
    target: "es2022",
    lib: ["es2023", "esnext.disposable"],
    types: ["node"],
    typeRoots: [join(repository, "node_modules/@types")],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  const path = join(project, "tsconfig.json");
  await writeFile(path, JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  await runToEnd("tsc", ["-p", path]);
}
