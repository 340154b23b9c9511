import type { KnipConfig } from "knip";

/** Test files that no test runner names. */
const testEntries = ["test/**/*.test-d.ts", "test/packed/*.mjs"];

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
    "packages/*": { entry: testEntries },
    // The thread is started by its address.
    "packages/core": { entry: [...testEntries, "src/worker/lease-thread.ts"] },
    // A thread and a process, likewise.
    "packages/db": {
      entry: [
        ...testEntries,
        "src/dialects/sqlite-lease.ts",
        "src/dialects/postgres-lease.ts",
        "test/support/child.ts",
      ],
      // Offered to users; this package has no code for it yet.
      ignoreDependencies: ["mysql2"],
    },
    // Run by node:test in a process of its own.
    "packages/conformance": { entry: [...testEntries, "test/fixtures/*.ts"] },
    // A thread and a process, likewise.
    "apps/file-backend": { entry: ["src/lease.ts", "test/support/worker-process.ts"] },
  },
};

export default config;
