import { join } from "node:path";

import { expect, it } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";
import { createProject } from "./helpers/project.ts";

it("refuses a project with another copy of @tasks/core, naming both", async () => {
  await using project = await createProject({
    "app/tasks.config.ts": 'import "@tasks/core";\nexport default {};\n',
    "app/node_modules/@tasks/core/package.json": '{ "type": "module", "exports": "./index.js" }',
    "app/node_modules/@tasks/core/index.js": "export {};\n",
  });
  const { code, stderr } = await project.run(["check"], { cwd: "app" });
  expect(code).toBe(1);
  expect(stderr).toContain(join("app", "node_modules", "@tasks", "core", "index.js"));
  expect(stderr).toContain("Both must be one copy of @tasks/core");
});

it("ends quietly when the reader of its output leaves", async () => {
  await using project = await createDatabaseProject();
  for (let index = 0; index < 200; index++) await project.enqueue("add", [index, 0]);
  const { child, ends, output } = project.start(["list", "--limit", "200", "--json"]);
  child.stdout?.destroy();
  expect(await ends()).toMatchObject({ code: 0 });
  expect(output()).toBe("");
});

it("does not wait for what the project left open", async () => {
  await using project = await createProject({
    "tasks.config.mjs": `import { createServer } from "node:net";
import { configureTasks } from "@tasks/core";
createServer().listen(0);
export default configureTasks({ backends: {} });
`,
  });
  const command = project.start(["check"]);
  expect(await command.ends()).toMatchObject({ code: 0 });
});
