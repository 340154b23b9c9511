import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "..");

interface Exported {
  readonly name: string;
  /** The file that declares it. */
  readonly file: string;
}

/** The sources behind a package's entry points. */
function entryPoints(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, string>>;
  };
  return Object.values(manifest.exports)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path));
}

/** The names an entry point hands out, each with the file that declares it. */
function exportsOf(entry: string): Exported[] {
  const text = readFileSync(entry, "utf8");
  const lists = text.matchAll(/export (?:type )?(?:\{([^}]*)\}|\* as (\w+)) from "([^"]+)"/g);
  const handedOn = Array.from(lists).flatMap(([, names = "", namespace, from = ""]) => {
    const file = join(dirname(entry), from);
    const listed = names
      .replaceAll(/\btype /g, "")
      .split(",")
      .map((name) => name.trim().split(" as ")[0] ?? "");
    return [...listed, namespace ?? ""]
      .filter((name) => name !== "")
      .map((name) => ({ name, file }));
  });
  const declared = text.matchAll(
    /^export (?:async )?(?:const|class|function|interface|type) (\w+)\b/gm,
  );
  return [...handedOn, ...Array.from(declared, ([, name = ""]) => ({ name, file: entry }))];
}

function isDescribed({ name, file }: Exported): boolean {
  // Names of other packages are described there.
  if (!existsSync(file)) return true;
  const text = readFileSync(file, "utf8");
  if (!new RegExp(String.raw`export [^;{]*\b${name}\b`).test(text)) return text.startsWith("/**");
  const described = new RegExp(
    String.raw`\*/\n(?:// oxlint-[^\n]*\n)*export (?:declare )?(?:abstract )?(?:async )?(?:const|class|function|interface|type) ${name}\b`,
  );
  return described.test(text);
}

describe.each(globSync("packages/*", { cwd: repository }))("the package in %s", (folder) => {
  it("describes every name it exports", () => {
    const names = entryPoints(join(repository, folder)).flatMap(exportsOf);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((exported) => !isDescribed(exported))).toEqual([]);
  });
});

describe("every link in a document", () => {
  const documents = globSync(["*.md", "docs/**/*.md", "packages/*/*.md", "apps/*/*.md"], {
    cwd: repository,
    exclude: (path) => path.includes("node_modules"),
  });

  it.each(documents)("leads to a file: %s", (document) => {
    const text = readFileSync(join(repository, document), "utf8");
    const targets = Array.from(
      text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g),
      ([, target]) => join(repository, dirname(document), target ?? ""),
    );
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });
});
