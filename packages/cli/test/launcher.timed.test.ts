import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it, vi } from "vitest";

import { createDatabaseProject, type DatabaseProject } from "./helpers/database-project.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const FLAGS = ["--no-startup-delay", "--interval", "0.05"];

/** Starts a command of npm in a project whose script `worker`, and whose command `tasks`, is ours. */
async function startNpm(
  project: DatabaseProject,
  args: readonly string[],
): Promise<{ readonly npm: ChildProcess; readonly output: () => string }> {
  await project.write({
    "bin/tasks": `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
    "package.json": JSON.stringify({
      type: "module",
      scripts: { worker: `tasks worker ${FLAGS.join(" ")}` },
    }),
  });
  await chmod(`${project.folder}/bin/tasks`, 0o755);
  const { NODE_OPTIONS: _options, ...inherited } = process.env;
  const path = [`${project.folder}/bin`, dirname(process.execPath), process.env["PATH"]].join(":");
  const npm = spawn("npm", args, {
    cwd: project.folder,
    env: { ...inherited, PATH: path, NO_COLOR: "1", npm_config_update_notifier: "false" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let written = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (written += text));
  }
  return { npm, output: () => written };
}

it.each([
  ["npm run", "SIGTERM", ["run", "worker"]],
  ["npm run", "SIGKILL", ["run", "worker"]],
  ["npx", "SIGTERM", ["exec", "-c", `tasks worker ${FLAGS.join(" ")}`]],
] as const)(
  "a worker behind %s ends gracefully when %s ends that",
  async (_launcher, signal, args) => {
    await using project = await createDatabaseProject();
    const id = await project.enqueue("slow", [1500]);
    const { npm, output } = await startNpm(project, args);
    const closed = once(npm, "close");
    await vi.waitFor(() => expect(output()).toContain("state=RUNNING"), { timeout: 30_000 });
    npm.kill(signal);
    // The pipes are the worker's too: they close when it has ended.
    await closed;
    expect(output()).toMatch(/shutting down gracefully/);
    expect(await project.statusOf(id)).toBe("SUCCESSFUL");
  },
  90_000,
);

it("a signal that follows the end of npm is the first one: the worker still ends gracefully", async () => {
  await using project = await createDatabaseProject();
  const id = await project.enqueue("slow", [4000]);
  const { npm, output } = await startNpm(project, ["run", "worker"]);
  const closed = once(npm, "close");
  await vi.waitFor(() => expect(output()).toContain("state=RUNNING"), { timeout: 30_000 });
  const [worker] = await project.backend.workers();
  npm.kill("SIGKILL");
  const isGone = (): void => expect(output()).toContain("is gone - shutting down");
  await vi.waitFor(isGone, { timeout: 10_000 });
  // The id of a worker ends with its process and a random part.
  process.kill(Number(worker!.workerId.split("-").at(-2)), "SIGTERM");
  await closed;
  expect(await project.statusOf(id)).toBe("SUCCESSFUL");
}, 90_000);
