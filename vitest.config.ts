import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";

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

/**
 * The projects of a folder, named after it: `vitest run --project db`. Its `*.timed.test.ts` files
 * check time limits. They form the project `db-timed` and run one at a time after the rest of the
 * suite, so that the load of other tests does not change their results.
 */
function projects(root: string, folder: string) {
  const name = basename(root);
  const neededServices = services[name] ?? [];
  const shared = {
    root,
    provide: { neededServices },
    globalSetup:
      neededServices.length > 0 ? [`${import.meta.dirname}/scripts/services/vitest-setup.ts`] : [],
  };
  const timed = `${folder}**/*.timed.test.ts`;
  const usual = {
    extends: true as const,
    test: {
      ...shared,
      name,
      include: [`${folder}**/*.test.ts`],
      exclude: [timed, "**/node_modules/**"],
    },
  };
  if (globSync(timed, { cwd: join(import.meta.dirname, root) }).length === 0) return [usual];
  const alone = { maxWorkers: 1, sequence: { groupOrder: 1 } };
  return [
    usual,
    {
      extends: true as const,
      test: { ...shared, ...alone, name: `${name}-timed`, include: [timed] },
    },
  ];
}

const roots = globSync(
  ["packages/*/test", "packages/conformance/mutants/test", "apps/*/test", "benchmarks/test"],
  { cwd: import.meta.dirname },
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
    expect: { poll: { timeout: 20_000 } },
    reporters: [
      "default",
      ...(report ? [["json", { outputFile: report }] satisfies ["json", object]] : []),
    ],
    projects: [...roots.flatMap((root) => projects(root, "test/")), ...projects("scripts", "")],
  },
});
