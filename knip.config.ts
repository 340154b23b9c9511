import type { KnipConfig } from "knip";

const config: KnipConfig = {
  workspaces: {
    ".": { entry: ["scripts/**/*.test.ts"], project: ["scripts/**/*.{ts,mjs}"] },
    "packages/*": { entry: ["test/**/*.test-d.ts"] },
  },
};

export default config;
