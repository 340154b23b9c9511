import type { KnipConfig } from "knip";

const config: KnipConfig = {
  // Declarations name the types of exported functions, so those are exported with them.
  ignoreExportsUsedInFile: { interface: true, type: true },
  workspaces: {
    ".": {
      entry: [
        "scripts/**/*.test.ts",
        "scripts/packaging/probes/*",
        "scripts/services/provided-context.ts",
      ],
      project: ["scripts/**/*.{ts,mjs,cjs}"],
      // The packaging proof calls these commands by name.
      ignoreDependencies: ["@arethetypeswrong/cli", "publint"],
    },
    // Compiled, not run; and threads that tests start.
    "packages/core": { entry: ["test/**/*.test-d.ts", "test/support/*-lease.ts"] },
    // Run on the packed packages.
    "packages/cli": { entry: ["test/packed/*.mjs"] },
    // Threads and processes.
    "packages/db": {
      entry: ["src/dialects/*-lease.js", "test/support/child.ts", "test/support/enqueue-many.ts"],
    },
    // Likewise; and servers that tests kill.
    "packages/rq": {
      entry: ["src/*-lease.js", "test/support/child.ts"],
      ignoreBinaries: ["redis-server"],
    },
    // Run by node:test in a process of its own.
    "packages/conformance": { entry: ["test/fixtures/*.ts"] },
    // A process for each mutant, and stores that are loaded by their names.
    "packages/conformance/mutants": {
      entry: ["main.ts", "src/child.ts", "src/stores/*.ts"],
      // A script of the root.
      ignoreBinaries: ["with-services"],
    },
    // Loaded by a worker's command line.
    "apps/example": { entry: ["src/stop-with-parent.ts"] },
    // A driver that is loaded by its name.
    benchmarks: { ignoreDependencies: ["@sidequest/mysql-backend"] },
    // A thread and a process, likewise.
    "apps/file-backend": { entry: ["src/lease.js", "test/support/worker-process.ts"] },
  },
};

export default config;
