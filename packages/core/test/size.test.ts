import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { expect, it } from "vitest";

/**
 * What a program loads that only defines and enqueues tasks, minified and compressed. It was 8,190 bytes when this line was last touched: what
 * runs tasks, waits for results, parses schemas and makes unique keys is loaded on demand.
 */
const MOST_BYTES = 8192;

it("keeps what a program loads to enqueue within 8 kB", async () => {
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
