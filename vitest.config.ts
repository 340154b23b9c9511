import { globSync } from "node:fs";

import { defineConfig } from "vitest/config";

import type { ServiceName } from "./scripts/services/service.ts";

/** The servers that a project's tests use; a project not named here uses none. */
const services: Readonly<Record<string, ServiceName[]>> = {
  db: ["postgres"],
  rq: ["redis"],
  example: ["redis"],
  // Starts more of its own, of the same program.
  benchmarks: ["redis"],
  scripts: ["postgres", "mariadb", "redis"],
};

/** One project per folder, named after it: `vitest run --project db`. */
function project(root: string, include: string) {
  const name = root.split(/[\\/]/).at(-1)!;
  const neededServices = services[name] ?? [];
  return {
    extends: true as const,
    test: {
      name,
      root,
      include: [include],
      provide: { neededServices },
      globalSetup:
        neededServices.length > 0
          ? [`${import.meta.dirname}/scripts/services/vitest-setup.ts`]
          : [],
    },
  };
}

const packages = globSync(["packages/*/test", "apps/*/test", "benchmarks/test"], {
  cwd: import.meta.dirname,
}).map((folder) => folder.replace(/[\\/]test$/, ""));

const report = process.env["TEST_REPORT"];

export default defineConfig({
  test: {
    reporters: [
      "default",
      ...(report ? [["json", { outputFile: report }] satisfies ["json", object]] : []),
    ],
    projects: [
      ...packages.map((folder) => project(folder, "test/**/*.test.ts")),
      project("scripts", "**/*.test.ts"),
    ],
  },
});
