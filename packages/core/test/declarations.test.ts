import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, it } from "vitest";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const core = join(import.meta.dirname, "..");
let folder: string;

beforeAll(async () => {
  // Up to date most of the time: then this takes a moment only.
  await run(process.execPath, [join(core, "../../node_modules/typescript/bin/tsc"), "-b", core]);
  folder = await mkdtemp(join(tmpdir(), "tasks-declarations-"));
  const installed = join(folder, "node_modules/@tasks/core");
  await mkdir(installed, { recursive: true });
  const manifest = JSON.parse(await readFile(join(core, "package.json"), "utf8")) as {
    readonly publishConfig: { readonly exports: unknown };
  };
  await writeFile(
    join(installed, "package.json"),
    JSON.stringify({
      name: "@tasks/core",
      type: "module",
      exports: manifest.publishConfig.exports,
    }),
  );
  await symlink(join(core, "dist"), join(installed, "dist"));
  await mkdir(join(folder, "node_modules/@types"));
  await symlink(
    join(core, "../../node_modules/@types/node"),
    join(folder, "node_modules/@types/node"),
  );
  await cp(join(import.meta.dirname, "consumer.test-d.ts"), join(folder, "consumer.mts"));
}, 60_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it.concurrent.each([
  ["typescript-5.4", []],
  ["typescript-5.9", []],
  ["typescript-6.0", []],
  ["typescript-6.0", ["node"]],
])(
  "what is published compiles with %s, an older lib and the types %j",
  async (compiler, types) => {
    const project = join(folder, `tsconfig.${compiler}.${types.join("-")}.json`);
    await writeFile(
      project,
      JSON.stringify({
        compilerOptions: {
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          module: "nodenext",
          target: "es2022",
          lib: ["es2022"],
          types,
        },
        files: ["consumer.mts"],
      }),
    );
    const tsc = require.resolve(`${compiler}/lib/tsc.js`);
    const { stdout } = await run(process.execPath, [tsc, "-p", project]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe("");
  },
  60_000,
);
