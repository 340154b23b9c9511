import { globSync } from "node:fs";

import { defineConfig } from "vitest/config";

/** One project per package with tests, named after its folder: `vitest run --project db`. */
const packages = globSync(["packages/*/test", "apps/*/test"], { cwd: import.meta.dirname }).map(
  (folder) => folder.replace(/[\\/]test$/, ""),
);

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      ...packages.map((root) => ({
        extends: true as const,
        test: { name: root.split(/[\\/]/).at(-1)!, root, include: ["test/**/*.test.ts"] },
      })),
      {
        extends: true as const,
        test: { name: "scripts", root: "scripts", include: ["**/*.test.ts"] },
      },
    ],
  },
});
