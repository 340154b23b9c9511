import { globSync } from "node:fs";
import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

import type { ServiceName } from "./scripts/services/service.ts";

/** The servers that a project's tests use; a project not named here uses none. */
const services: Readonly<Record<string, ServiceName[]>> = {
  db: ["postgres", "mariadb"],
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

const packages = globSync(
  ["packages/*/test", "packages/conformance/mutants/test", "apps/*/test", "benchmarks/test"],
  {
    cwd: import.meta.dirname,
  },
).map((folder) => folder.replace(/[\\/]test$/, ""));

const report = process.env["TEST_REPORT"];

// Inherited by whatever the tests start: threads and processes that run TypeScript need not compile it anew each.
process.env["NODE_COMPILE_CACHE"] ??= `${import.meta.dirname}/node_modules/.cache/compiled`;

export default defineConfig({
  test: {
    // Most test files wait: for processes, servers, leases to end. So there are more of them at work than cores.
    maxWorkers: availableParallelism() + 1,
    // For what hangs. What must be fast says so itself.
    testTimeout: 30_000,
    hookTimeout: 30_000,
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
