import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface Manifest {
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string>>;
  readonly publishConfig: { readonly exports: Readonly<Record<string, unknown>> };
  readonly packageManager: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
const readManifest = (folder: string) => JSON.parse(read(`${folder}/package.json`)) as Manifest;

const rootManifest = readManifest(".");
const published = globSync("packages/*", { cwd: root }).filter(
  (folder) => readManifest(folder).private !== true,
);

describe("the workspace", () => {
  it("names one version of pnpm", () => {
    expect(rootManifest.scripts["pnpm"]).toBe(
      `npx --yes --prefer-offline --loglevel=error ${rootManifest.packageManager}`,
    );
  });

  it("checks engines against the Node it installs", () => {
    expect(read("pnpm-workspace.yaml")).toContain(
      `\nnodeVersion: ${rootManifest.optionalDependencies["node"]}\n`,
    );
  });

  it("keeps addresses out of the lock file", () => {
    expect(read("pnpm-lock.yaml")).not.toMatch(/https?:\/\/|tarball:/);
  });
});

describe.each(published)("%s", (folder) => {
  it("carries the licence of the repository", () => {
    expect(read(`${folder}/LICENSE`)).toBe(read("LICENSE"));
  });

  it("publishes the compiled twin of every workspace entry point", () => {
    const { exports, publishConfig } = readManifest(folder);
    expect(publishConfig.exports).toEqual(
      Object.fromEntries(
        Object.entries(exports).map(([name, source]) => [name, compiledTwin(source)]),
      ),
    );
  });
});

function compiledTwin(source: string) {
  if (!source.endsWith(".ts")) return source;
  const stem = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}
