import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

const src = join(import.meta.dirname, "../src");
const entries = {
  ".": "index.ts",
  "./outbox": "outbox/index.ts",
  "./testing": "testing/index.ts",
  "./worker": "worker/index.ts",
};

interface Exported {
  readonly name: string;
  /** The file that declares it. */
  readonly file: string;
}

/** The names an entry point lists, each with the file it comes from. */
function exportsOf(entry: string): Exported[] {
  const text = readFileSync(join(src, entry), "utf8");
  const lists = text.matchAll(/export (?:type )?(?:\{([^}]*)\}|\* as (\w+)) from "([^"]+)"/g);
  return Array.from(lists).flatMap(([, names = "", namespace, from = ""]) => {
    const file = join(dirname(join(src, entry)), from);
    const listed = names.split(",").map((name) => name.trim().split(" as ").at(-1) ?? "");
    return [...listed, namespace ?? ""]
      .filter((name) => name !== "")
      .map((name) => ({ name, file }));
  });
}

/** What an interface or class declares at its first level of indentation without saying what it is. */
function undocumentedMembers(declaration: string): string[] {
  const lines = declaration.split("\n");
  return lines.filter((line, index) => {
    const isMember =
      /^ {2}(?:readonly |abstract |override |static |declare |async |get |protected )*[a-zA-Z]\w*\??[(:<]/.test(
        line,
      );
    const isOverload = /^ {2}(?:override|constructor)\b/.test(line);
    return isMember && !isOverload && !(lines[index - 1] ?? "").trimEnd().endsWith("*/");
  });
}

describe.each(Object.entries(entries))("the entry point %s", (_name, entry) => {
  it("exports exactly these names", () => {
    const names = exportsOf(entry)
      .map(({ name }) => name)
      .toSorted();
    expect(new Set(names).size).toBe(names.length);
    expect(names).toMatchSnapshot();
  });

  it("describes every name it exports", () => {
    const undocumented = exportsOf(entry).filter(({ name, file }) => {
      const text = readFileSync(file, "utf8");
      const declared = new RegExp(
        String.raw`\*/\n(?:// oxlint-[^\n]*\n)*export (?:declare )?(?:abstract )?(?:async )?(?:const|class|function|interface|type) ${name}\b`,
      );
      const isNamespace = !text.includes(` ${name}`);
      return isNamespace ? !text.startsWith("/**") : !declared.test(text);
    });
    expect(undocumented).toEqual([]);
  });
});

it("describes every option, and every member of what people and backend authors hold in their hands", () => {
  const described =
    /^export (?:interface|abstract class|class) ((?!Resolved)\w*Options|BackendSupports|TaskContext|TaskLog|Backend|Task|RetryTask|SnoozeTask|Worker|WorkerStore)\b[^\n]*\{\n([\s\S]*?)^\}/gm;
  const found: string[] = [];
  const undescribed: string[] = [];
  for (const file of globSync("**/*.ts", { cwd: src })) {
    for (const [, name = "", body = ""] of readFileSync(join(src, file), "utf8").matchAll(
      described,
    )) {
      found.push(name);
      undescribed.push(...undocumentedMembers(body).map((line) => `${name}: ${line.trim()}`));
    }
  }
  expect(found).toEqual(
    expect.arrayContaining([
      "TaskOptions",
      "UsingOptions",
      "WorkerOptions",
      "TaskContext",
      "Backend",
      "Task",
      "WorkerStore",
    ]),
  );
  expect(undescribed).toEqual([]);
});

describe("docs/errors.md", () => {
  const headings = Array.from(
    readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8").matchAll(
      /^## `?(TASKS_[A-Z_]+)`?$/gm,
    ),
    ([, code = ""]) => code,
  );

  it("has a heading for every code, in alphabetical order, and no other", () => {
    const sources = globSync("packages/*/src/**/*.ts", {
      cwd: join(import.meta.dirname, "../../.."),
    });
    const codes = sources.flatMap((file) => {
      const text = readFileSync(join(import.meta.dirname, "../../..", file), "utf8");
      return Array.from(
        text.matchAll(/(?:super|TasksError)\(\s*"(TASKS_[A-Z_]+)"/g),
        ([, code = ""]) => code,
      );
    });
    expect(codes.length).toBeGreaterThan(20);
    expect(headings).toEqual([...new Set(codes)].toSorted());
  });
});
