import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { DummyBackend, ImmediateBackend, MemoryBackend } from "@tasks/core";
import { expect, it } from "vitest";

const core = join(import.meta.dirname, "..");
const readme = await readFile(join(core, "README.md"), "utf8");

it("the program in the README runs", async () => {
  const [, program = ""] = /## A program that runs\n\n```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const folder = await mkdtemp(join(tmpdir(), "tasks-readme-"));
  try {
    await mkdir(join(folder, "node_modules/@tasks"), { recursive: true });
    await symlink(core, join(folder, "node_modules/@tasks/core"));
    await writeFile(join(folder, "program.mts"), program);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "program.mts")]);
    expect(stdout).toBe("SUCCESSFUL Hello, World!\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("the README says of the backends what they say of themselves", () => {
  const rows: [string, (backend: ImmediateBackend | MemoryBackend | DummyBackend) => boolean][] = [
    ["`getResult`, `refresh`, lists", ({ supports }) => supports.getResult && supports.list],
    ["`wait`", ({ supports }) => supports.wait],
    ["`runAfter`", ({ supports }) => supports.defer],
    ["retries, timeouts", ({ supports }) => supports.retry && supports.timeout],
    [
      "`cancel`, `unique`, batches",
      ({ supports }) => supports.cancel && supports.unique && supports.batch,
    ],
    ["`concurrency` limits", ({ supports }) => supports.concurrency],
  ];
  const backends = [new ImmediateBackend(), new MemoryBackend(), new DummyBackend()];
  const lines = readme.split("## Backends in the process")[1]?.split("\n") ?? [];
  for (const [title, isAble] of rows) {
    const line = lines.find((text) => text.startsWith(`| ${title} `)) ?? "";
    const said = line
      .split("|")
      .slice(2, 5)
      .map((cell) => cell.trim() !== "–" && cell.trim() !== "");
    expect([title, said]).toEqual([title, backends.map(isAble)]);
  }
});

it("the README names every option, and no other", async () => {
  const source = async (file: string, name: string): Promise<string[]> => {
    const text = await readFile(join(core, "src", file), "utf8");
    const body =
      new RegExp(`export interface ${name}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(text)?.[1] ?? "";
    return Array.from(body.matchAll(/^ {2}readonly (\w+)\?:/gm), ([, option = ""]) => option);
  };
  const table = (title: string): string[] => {
    const section = readme.split("\n## ").find((text) => text.startsWith(title)) ?? "";
    return Array.from(section.matchAll(/^\| `(\w+)`/gm), ([, option = ""]) => option);
  };
  expect(table("Options of a task")).toEqual(await source("task-options.ts", "TaskOptions"));
  expect(table("Options of `using()`")).toEqual(await source("task-options.ts", "UsingOptions"));
  expect(table("Options of a worker")).toEqual(await source("backend.ts", "WorkerOptions"));
});
