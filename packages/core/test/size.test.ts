import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { expect, it } from "vitest";

/**
 * Bytes that a program loads which only defines and enqueues tasks, minified and compressed. All
 * that runs tasks, waits for results, parses schemas and makes unique keys is loaded on demand. It
 * was 8,192 before definitions of a second copy of this package, minified names, reloaded modules
 * and modules in several bundles of Turbopack were told apart, before ids could be given, and
 * before backends checked their queue names.
 */
const MOST_BYTES = 9800;

it("keeps what a program loads to enqueue within 10 kB", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents:
        'import { task, configureTasks } from "@tasks/core"; console.log(task, configureTasks);',
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "esm",
    write: false,
    plugins: [
      {
        name: "leave what is loaded on demand out",
        setup: (bundler) => {
          bundler.onResolve({ filter: /.*/ }, ({ kind, path }) =>
            kind === "dynamic-import" ? { path, external: true } : undefined,
          );
        },
      },
    ],
  });
  const [bundle] = outputFiles;
  expect(bundle?.text).toContain("Could not find backend");
  expect(gzipSync(bundle?.contents ?? "", { level: 9 }).length).toBeLessThanOrEqual(MOST_BYTES);
});
