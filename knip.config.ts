import type { KnipConfig } from "knip";

const config: KnipConfig = {
  // Declarations name the types of exported functions, so those are exported with them.
  ignoreExportsUsedInFile: { interface: true, type: true },
  workspaces: {
    ".": {
      entry: ["scripts/**/*.test.ts", "scripts/packaging/probes/*"],
      project: ["scripts/**/*.{ts,mjs,cjs}"],
      // The packaging proof calls these commands by name.
      ignoreDependencies: ["@arethetypeswrong/cli", "publint"],
    },
    "packages/*": {
      entry: ["test/**/*.test-d.ts", "test/packed/*.mjs"],
    },
  },
};

export default config;
