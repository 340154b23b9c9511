import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { InvalidTask, task } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { bundle, runProgram, temporaryFolder } from "./support/bundle.ts";
import { turbopack } from "./support/turbopack.ts";

const define =
  (fn: () => unknown): (() => unknown) =>
  () =>
    task(fn as () => null);
const named = (name: string): (() => null) =>
  Object.defineProperty(() => null, "name", { value: name });

describe("a task without a name of its own", () => {
  it.each(["a", "t1", "_a", "$", "aJe", "x1b", "default", "_default", "mail_default"])(
    "is refused when its function is called %s, as minifiers and bundlers do",
    (name) => {
      expect(define(named(name))).toThrow(InvalidTask);
      expect(define(named(name))).toThrow(`The function's name "${name}" looks made by a minifier`);
      expect(task({ name: `definitions.${name.replace("$", "")}x` }, named(name)).name).toMatch(
        /x$/,
      );
    },
  );

  it.each(["add", "run", "sendReceipt", "step2", "setDefault", "_private"])(
    "may be called %s",
    (name) => {
      expect(task(named(name)).name).toBe(name);
    },
  );

  it("is refused in a minified bundle, and keeps its name with keepNames", async () => {
    const folder = await temporaryFolder();
    const program = `import { task } from "@tasks/core";
      async function sendReceipt(order) { return order; }
      console.log(task(sendReceipt).name);`;
    await bundle(join(folder, "minified.mjs"), program, { minify: true });
    await bundle(join(folder, "kept.mjs"), program, { minify: true, keepNames: true });
    await expect(runProgram(folder, `import "./minified.mjs"`)).rejects.toThrow(
      'Name the task: task({ name: "sendReceipt" }, fn).',
    );
    expect((await runProgram(folder, `import "./kept.mjs"`)).stdout).toBe("sendReceipt\n");
  });
});

describe("a module that is loaded again", () => {
  const source = (text: string): string =>
    `import { task } from "@tasks/core";
     export const welcome = task({ name: "welcome" }, (name) => "${text} " + name);`;
  const core = JSON.stringify(new URL("../src/index.ts", import.meta.url).href);

  async function load(second: string, env: Record<string, string> = {}): Promise<string> {
    const folder = await temporaryFolder();
    const write = (file: string, text: string): Promise<void> =>
      writeFile(join(folder, file), source(text).replace('"@tasks/core"', core));
    await write("emails.mjs", "Hello");
    await write("others.mjs", "Hello");
    const program = `
      import { writeFileSync, readFileSync } from "node:fs";
      import { registeredTasks, taskLog } from ${core};
      taskLog.connect(({ level, message }) => console.log(level, message));
      await import("./emails.mjs?t=1");
      const file = new URL("./emails.mjs", import.meta.url);
      writeFileSync(file, "\\n" + readFileSync(file, "utf8").replace("Hello", "Hi"));
      await import("${second}");
      console.log(await registeredTasks().get("welcome").call("Ada"));`;
    return (await runProgram(folder, program, { NODE_ENV: "development", ...env })).stdout;
  }

  it("replaces its definitions outside production, with one debug line", async () => {
    expect(await load("./emails.mjs?t=2")).toMatch(
      /^debug Task 'welcome' was defined again by \S*emails\.mjs; the newest definition is used\.\nHi Ada\n$/,
    );
  });

  it("does not in production", async () => {
    await expect(load("./emails.mjs?t=2", { NODE_ENV: "production" })).rejects.toThrow(
      "A task named 'welcome' is already defined by another function",
    );
  });

  it("is not another file with a task of the same name, even of the same text", async () => {
    await expect(load("./others.mjs")).rejects.toThrow(
      /already defined by another function.*One is in \S*emails\.mjs, the other in \S*others\.mjs; hot reload replaces definitions of the same file only\./,
    );
  });
});

describe("a module that Turbopack puts into several bundles", () => {
  const module = (text: string): string => `import { task } from "@tasks/core";
    export const welcome = task({ name: "welcome" }, (name) => "${text} " + name);`;
  const call = `console.log(await registeredTasks().get("welcome").call("Ada"));`;
  const conflict = "A task named 'welcome' is already defined by another function";
  const copies = [
    ["and this package beside them", true],
    ["and this package in each of them", false],
  ] as const;

  it.each(copies)(
    "replaces its definitions in all of them, %s, whatever was edited",
    async (_what, isShared) => {
      const app = await turbopack(isShared, { NODE_ENV: "development" });
      await app.build("page", "lib/tasks.ts", module("Hello"));
      await app.build("route", "lib/tasks.ts", `// Of another layer.\n${module("Hi there,")}`);
      const program = `load("page"); ${call} load("route"); ${call} reload("page"); ${call} reload("route"); ${call}`;
      expect(await app.run(program)).toBe("Hello Ada\nHi there, Ada\nHello Ada\nHi there, Ada\n");
    },
  );

  it.each(copies)(
    "defines its tasks in production, %s, without source maps",
    async (_, isShared) => {
      const app = await turbopack(isShared, { NODE_ENV: "production" });
      await app.build("page", "lib/tasks.ts", module("Hello"), { sourcemap: false, minify: true });
      await app.build("route", "lib/tasks.ts", module("Hello"), { sourcemap: false, minify: true });
      expect(await app.run(`load("page"); load("route"); ${call}`)).toBe("Hello Ada\n");
    },
  );

  it.each(["development", "production"])(
    "is told from another module with a task of the same name, in %s",
    async (NODE_ENV) => {
      const app = await turbopack(true, { NODE_ENV });
      await app.build("page", "lib/tasks.ts", module("Hello"));
      await app.build("route", "lib/other.ts", module("Hello"));
      await expect(app.run(`load("page"); load("route");`)).rejects.toThrow(conflict);
      await expect(app.run(`load("page"); load("route");`)).rejects.toThrow(
        /One is in \S*lib\/tasks\.ts, the other in \S*lib\/other\.ts;/,
      );
    },
  );

  it("may not define two tasks of one name", async () => {
    const app = await turbopack(true, { NODE_ENV: "development" });
    await app.build(
      "page",
      "lib/tasks.ts",
      `${module("Hello")} task({ name: "welcome" }, () => 1);`,
    );
    await expect(app.run(`load("page");`)).rejects.toThrow(conflict);
  });
});
