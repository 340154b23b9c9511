import { appendFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it, vi } from "vitest";

import { createDatabaseProject } from "./helpers/database-project.ts";

const NOW = ["--no-startup-delay", "--interval", "0.05"];

describe("--watch", () => {
  it("starts the worker afresh when a module changes, and when a broken one is repaired", async () => {
    await using project = await createDatabaseProject();
    await project.write({ "helper.ts": 'export const text = "first version";\n' });
    await appendFile(
      join(project.folder, "tasks.ts"),
      'import { text } from "./helper.ts";\nconsole.log(text);\n',
    );
    const command = project.start(["worker", "--watch", ...NOW]);
    await command.sees(/first version[^]*Starting worker/);
    await project.write({ "helper.ts": 'export const text = "second version";\n' });
    await command.sees("helper.ts changed - restarting the worker.");
    await command.sees(/second version[^]*Starting worker/);
    await project.write({ "helper.ts": "export const text = ;\n" });
    await command.sees("It starts again when a file changes.");
    await project.write({ "helper.ts": 'export const text = "third version";\n' });
    await command.sees(/third version[^]*Starting worker/);
    command.child.kill("SIGINT");
    expect(await command.ends()).toMatchObject({ code: 0 });
  });

  it("lets the running task finish before it restarts, and forces the end by a second signal", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("slow", [400]);
    const command = project.start(["worker", "--watch", ...NOW]);
    await command.sees("state=RUNNING");
    await project.write({ "another.ts": "export {};\n" });
    await command.sees(/state=SUCCESSFUL[^]*Starting worker/);
    expect(await project.statusOf(id)).toBe("SUCCESSFUL");
    await project.enqueue("slow", [60_000]);
    await command.sees(/Starting worker[^]*Starting worker[^]*state=RUNNING/);
    command.child.kill("SIGINT");
    await command.sees("shutting down gracefully");
    await vi.waitFor(
      () => {
        command.child.kill("SIGINT");
        expect(command.output()).toContain("terminating current task");
      },
      { timeout: 20_000, interval: 150 },
    );
    // The last of several signals may meet a process that no longer listens: a shell shows that as 130, too.
    const { code, signal } = await command.ends();
    expect(signal === "SIGINT" ? 130 : code).toBe(130);
  });

  it("does not leave the worker behind when it is killed itself", async () => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("slow", [300]);
    const command = project.start(["worker", "--watch", ...NOW]);
    await command.sees("state=RUNNING");
    command.child.kill("SIGKILL");
    // The worker shares the pipe, which closes when both have ended.
    expect(await command.ends()).toMatchObject({ signal: "SIGKILL" });
    expect(await project.statusOf(id)).toBe("SUCCESSFUL");
  });
});
