import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { bundle, runProgram, temporaryFolder } from "./support/bundle.ts";

const CONFIGURING = `
  import { configureTasks, MemoryBackend, taskEnqueued, taskLog } from "@tasks/core";
  export const heard = [];
  taskLog.connect(({ message }) => heard.push(message));
  taskEnqueued.connect(({ taskResult }) => heard.push("signal " + taskResult.taskName));
  export const backend = new MemoryBackend();
  configureTasks({ backends: { default: backend } });
  export { checkTasks } from "@tasks/core";
`;
const DEFINING = `
  import { currentTask, DummyBackend, InvalidTask, task, withBackends } from "@tasks/core";
  import { enqueued } from "@tasks/core/testing";
  export const mail = task({ name: "mail" }, (to) => currentTask().taskResult.taskName + " to " + to);
  export { DummyBackend, enqueued, InvalidTask, withBackends };
`;
const PROGRAM = (configuring: string, defining: string) => `
  const { backend, heard } = await import("./${configuring}");
  const { mail } = await import("./${defining}");
  const result = await mail.enqueue("ada");
  const before = await backend.counts();
  await (await backend.createWorker({ batch: true })).run();
  await result.refresh();
  console.log(JSON.stringify([before.READY, result.status, result.returnValue, heard.includes("signal mail")]));
`;

describe("two copies in one process share tasks, backends, signals and the running task", () => {
  it.each([
    ["two bundled modules", "configuring.mjs", "defining.mjs"],
    ["a bundled module and bundled CommonJS", "configuring.mjs", "defining.cjs"],
    ["bundled CommonJS and a bundled module", "configuring.cjs", "defining.mjs"],
  ])("%s", async (_what, configuring, defining) => {
    const folder = await temporaryFolder();
    await bundle(join(folder, configuring), CONFIGURING);
    await bundle(join(folder, defining), DEFINING);
    const { stdout } = await runProgram(folder, PROGRAM(configuring, defining));
    expect(JSON.parse(stdout)).toEqual([1, "SUCCESSFUL", "mail to ada", true]);
  });
});

it("helpers and error classes of one copy recognise backends and errors of another", async () => {
  const folder = await temporaryFolder();
  await bundle(join(folder, "one.mjs"), DEFINING);
  await bundle(join(folder, "two.mjs"), DEFINING);
  const { stdout } = await runProgram(
    folder,
    `import * as one from "./one.mjs";
     import * as two from "./two.mjs";
     await one.withBackends({ default: new one.DummyBackend() }, async () => {
       await two.mail.enqueue("ada");
       console.log(two.enqueued().length, one.InvalidTask.is(new two.InvalidTask("no")));
     });`,
  );
  expect(stdout).toBe("1 true\n");
});

describe("a module that a bundler puts into two bundles", () => {
  it.each([false, true])("defines its tasks once, minified: %s", async (minify) => {
    const folder = await temporaryFolder();
    const helper = `const send = async (to) => console.log("mail", to);`;
    const defining = `import { task } from "@tasks/core"; ${helper}
      export const mail = task({ name: "mail" }, async (to) => { await send(to); return to; });`;
    await bundle(join(folder, "one.mjs"), defining, { minify });
    const more = `${defining} console.log(Math.random() < 2, mail.name);`;
    await bundle(join(folder, "two.mjs"), more, { minify });
    const load = `await import("./one.mjs"); await import("./two.mjs"); console.log("loaded");`;
    const { stdout } = await runProgram(folder, load, { NODE_ENV: "production" });
    expect(stdout).toBe("true mail\nloaded\n");
  });

  it("is no excuse for another function of the same name", async () => {
    const folder = await temporaryFolder();
    const defining = (text: string): string =>
      `import { task } from "@tasks/core"; task({ name: "mail" }, () => "${text}");`;
    await bundle(join(folder, "one.mjs"), defining("receipt"));
    await bundle(join(folder, "two.mjs"), defining("refund"));
    const load = `await import("./one.mjs"); await import("./two.mjs");`;
    await expect(runProgram(folder, load)).rejects.toThrow(
      "A task named 'mail' is already defined by another function",
    );
  });
});

describe("another major version", () => {
  it("has a state of its own, which a warning and checkTasks() tell of", async () => {
    const folder = await temporaryFolder();
    await bundle(join(folder, "this.mjs"), CONFIGURING);
    await bundle(join(folder, "next.mjs"), DEFINING, {
      plugins: [
        {
          name: "another major version",
          setup: (bundler) => {
            bundler.onLoad({ filter: /process-state\.ts$/ }, async ({ path }) => ({
              contents: (await readFile(path, "utf8")).replace("MAJOR = 0", "MAJOR = 7"),
              loader: "ts",
            }));
          },
        },
      ],
    });
    const { stdout, stderr } = await runProgram(
      folder,
      `const { checkTasks } = await import("./this.mjs");
       console.log((await checkTasks()).length);
       await import("./next.mjs");
       console.log((await checkTasks())[0].id);`,
    );
    expect(stdout).toBe("0\ntasks.W001\n");
    expect(stderr).toContain(
      "Several major versions of @tasks/core are loaded: 7, 0. Each has its own tasks, backends and signals.",
    );
  });

  it("is told apart by the version of this package", () => {
    const source = readFileSync(join(import.meta.dirname, "../src/process-state.ts"), "utf8");
    const manifest = readFileSync(join(import.meta.dirname, "../package.json"), "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    expect(source).toContain(`const MAJOR = ${version.split(".")[0]};`);
  });
});
