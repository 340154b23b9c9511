import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { build, type BuildOptions } from "esbuild";

import { runProgram, temporaryFolder } from "./bundle.ts";

/** Evaluates the modules of bundles, which are functions, once each. Stacks are shown without source maps, as Next.js shows them. */
const RUNTIME = `
Error.prepareStackTrace = (error, frames) => [String(error), ...frames.map((frame) => "    at " + frame)].join("\\n");
exports.instantiate = (module, require) => module(require);
`;

/** Bundles as Turbopack makes them, in a folder of their own. */
export interface Turbopack {
  /** Builds a bundle of one module. */
  build(name: string, file: string, contents: string, options?: BuildOptions): Promise<void>;
  /** Runs a program with \`load(name)\`, \`reload(name)\` and \`registeredTasks()\`, and gives its output. */
  run(program: string): Promise<string>;
}

/** @param isShared this package is outside of the bundles, else each has a copy. */
export async function turbopack(
  isShared: boolean,
  env: Readonly<Record<string, string>>,
): Promise<Turbopack> {
  const folder = await temporaryFolder();
  const core = new URL("../../src/index.ts", import.meta.url);
  await mkdir(join(folder, "chunks"));
  await writeFile(join(folder, "chunks/[turbopack]_runtime.js"), RUNTIME);
  return {
    async build(name, file, contents, options) {
      await build({
        stdin: { contents, resolveDir: import.meta.dirname, sourcefile: file, loader: "js" },
        bundle: true,
        platform: "node",
        format: "cjs",
        ...(isShared ? { external: ["@tasks/core"] } : {}),
        banner: { js: "module.exports = (require) => {" },
        footer: { js: "};" },
        sourcemap: "inline",
        outfile: join(folder, `chunks/[root-of-the-server]__${name}._.js`),
        logLevel: "silent",
        ...options,
      });
    },
    async run(program) {
      const prelude = `
        import { createRequire } from "node:module";
        import * as core from ${JSON.stringify(core.href)};
        process.setSourceMapsEnabled(true);
        const require = createRequire(import.meta.url);
        const { instantiate } = require("./chunks/[turbopack]_runtime.js");
        const { registeredTasks } = core;
        const load = (name) => instantiate(
          require("./chunks/[root-of-the-server]__" + name + "._.js"),
          (id) => (id === "@tasks/core" ? core : require(id)),
        );
        const reload = (name) => {
          delete require.cache[require.resolve("./chunks/[root-of-the-server]__" + name + "._.js")];
          load(name);
        };
      `;
      return (await runProgram(folder, `${prelude}${program}`, env)).stdout;
    },
  };
}
