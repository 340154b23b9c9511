import { join } from "node:path";

import { expect, it } from "vitest";

import { createProject } from "./helpers/project.ts";

const EMPTY =
  'import { configureTasks } from "@tasks/core";\nexport default configureTasks({ backends: {} });\n';

it("finds the configuration in a folder above", async () => {
  await using project = await createProject({ "tasks.config.ts": EMPTY, "src/deep/x.txt": "" });
  expect(await project.run(["check"], { cwd: "src/deep" })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("No problems in 0 backends"),
  });
});

it.each(["tasks.config.mts", "tasks.config.js", "tasks.config.mjs"])("finds %s", async (name) => {
  await using project = await createProject({ [name]: EMPTY });
  expect(await project.run(["check"])).toMatchObject({ code: 0, stderr: "" });
});

it("takes the file named with --config, before or after the command", async () => {
  await using project = await createProject({ "etc/one.ts": EMPTY, "etc/two.ts": EMPTY });
  expect(await project.run(["check", "--config", "etc/one.ts"])).toMatchObject({ code: 0 });
  expect(await project.run(["-c", "etc/two.ts", "check"])).toMatchObject({ code: 0 });
});

it("says where it looked when there is no configuration", async () => {
  await using project = await createProject({});
  const { code, stderr, stdout } = await project.run(["check"]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("No configuration found");
  expect(stderr).toContain(project.folder);
  expect(stderr).toContain("--config <file>");
});

it("says when the named file is missing", async () => {
  await using project = await createProject({});
  const { code, stderr } = await project.run(["check", "--config", "nowhere.ts"]);
  expect(code).toBe(2);
  expect(stderr).toContain(`${join(project.folder, "nowhere.ts")} does not exist`);
});

it("explains a missing default export", async () => {
  await using project = await createProject({ "tasks.config.ts": "export const config = 1;\n" });
  const { code, stderr } = await project.run(["check"]);
  expect(code).toBe(1);
  expect(stderr).toContain("has no default export");
  expect(stderr).toContain("export default configureTasks(");
});

it("explains a default export that is no configuration", async () => {
  await using project = await createProject({
    "tasks.config.ts": "export default { backends: {} };\n",
  });
  const { code, stderr } = await project.run(["check"]);
  expect(code).toBe(1);
  expect(stderr).toContain("is not a configuration");
});

it("names a configuration that throws and shows where", async () => {
  await using project = await createProject({
    "tasks.config.ts": 'throw new Error("no DATABASE_URL");\n',
  });
  const { code, stderr } = await project.run(["check"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`The configuration ${join(project.folder, "tasks.config.ts")}`);
  expect(stderr).toContain("Error: no DATABASE_URL");
  expect(stderr).toMatch(/at .*tasks\.config\.ts/);
});

it.each(["ioredis-of-nobody", "@nobody/tasks-backend"])(
  "says how to install %s where it is missing",
  async (name) => {
    await using project = await createProject({
      "tasks.config.ts": `import "${name}";\n${EMPTY}`,
    });
    const { code, stderr } = await project.run(["check"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`The package ${name} is not installed. Run: npm install ${name}\n`);
  },
);

it("says what to do when the project is read as CommonJS", async () => {
  await using project = await createProject({
    "package.json": '{ "type": "commonjs" }',
    "tasks.config.ts": EMPTY,
  });
  const command = project.start(["check"]);
  await command.sees("It is read as CommonJS. Run: npm pkg set type=module");
  expect((await command.ends()).code).toBe(1);
});

it("names a pattern that matches nothing", async () => {
  await using project = await createProject({
    "tasks.config.ts": EMPTY.replace("{} }", '{}, tasks: ["./src/taks/*.ts"] }'),
  });
  const { code, stderr } = await project.run(["check"]);
  expect(code).toBe(1);
  expect(stderr).toContain('No file matches "./src/taks/*.ts"');
});

it("names a task module that throws and keeps the cause", async () => {
  await using project = await createProject({
    "tasks.config.ts": EMPTY.replace("{} }", '{}, tasks: ["./tasks/*.ts"] }'),
    "tasks/broken.ts": 'throw new Error("boom while loading");\n',
  });
  const { code, stderr } = await project.run(["check"]);
  expect(code).toBe(1);
  expect(stderr).toContain(`The task module ${join(project.folder, "tasks/broken.ts")}`);
  expect(stderr).toContain("boom while loading");
});

it("imports every module its patterns match, below the configuration file, and leaves out what is excluded", async () => {
  const task = (name: string): string =>
    `import { task } from "@tasks/core";\nexport const it = task({ name: "${name}" }, () => 1);\n`;
  await using project = await createProject({
    "app/tasks.config.ts": EMPTY.replace(
      "{} }",
      '{}, tasks: ["./tasks/**/*.ts", "./more.ts", "!**/*.test.ts"] }',
    ),
    "app/tasks/one.ts": task("config_one"),
    "app/tasks/deep/two.ts": task("config_two"),
    "app/tasks/deep/types.d.ts": "export type Nothing = never;\n",
    "app/tasks/deep/two.test.ts": 'throw new Error("a test is no task module");\n',
    "app/more.ts": task("config_three"),
    "app/other.ts": task("config_four"),
  });
  const { code, stderr } = await project.run([
    "enqueue",
    "unknown",
    "--config",
    "app/tasks.config.ts",
  ]);
  expect(code).toBe(2);
  expect(stderr).toContain("config_one, config_three, config_two");
  expect(stderr).not.toContain("config_four");
});

it("tells what to do when this Node.js does not run TypeScript", async () => {
  await using project = await createProject({
    "tasks.config.ts": EMPTY,
    // Strips the types of this workspace's own sources only, as if they were built.
    "old-node.mjs": `import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith(".ts") || !url.includes("/packages/")) return nextLoad(url, context);
    const source = stripTypeScriptTypes(readFileSync(fileURLToPath(url), "utf8"));
    return { format: "module", source, shortCircuit: true };
  },
});
`,
  });
  const command = project.start(["check"], {
    NODE_OPTIONS: `--no-strip-types --no-warnings --import ${join(project.folder, "old-node.mjs")}`,
  });
  expect(await command.ends()).toMatchObject({ code: 1 });
  expect(command.output()).toContain("Use Node.js 22.18 or newer");
  expect(command.output()).toContain("tasks.config.mjs");
});
