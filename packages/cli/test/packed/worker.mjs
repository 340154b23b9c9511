// Runs the installed command the way a new user does: a configuration, a task, a worker.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Inside the project, so that its packages are found.
const folder = mkdtempSync(join(process.cwd(), "packed-cli-"));
const manifest = new URL(import.meta.resolve("@tasks/cli/package.json"));

function tasks(...argv) {
  const command = new URL("dist/main.js", manifest);
  return spawnSync(process.execPath, [command.pathname, ...argv], {
    cwd: folder,
    encoding: "utf8",
  });
}

const source = `import { configureTasks, MemoryBackend, task } from "@tasks/core";
const greet = task({ name: "greet" }, (name) => "Hello, " + name + "!");
export default configureTasks({ backends: { default: new MemoryBackend() } });
await greet.enqueue("World");
`;

try {
  writeFileSync(join(folder, "tasks.config.mjs"), source);
  const worker = tasks("worker", "--batch", "--no-startup-delay");
  assert.equal(worker.stderr, "");
  assert.match(worker.stdout, /path=greet state=SUCCESSFUL/);
  assert.equal(worker.status, 0);

  writeFileSync(join(folder, "tasks.config.ts"), source.replace("(name)", "(name: string)"));
  const typed = tasks("check");
  const stripsTypes = Boolean(process.features.typescript);
  assert.equal(typed.status, stripsTypes ? 0 : 1, typed.stderr);
  assert.match(
    stripsTypes ? typed.stdout : typed.stderr,
    /No problems|Use Node\.js 22\.18 or newer/,
  );
  console.log(stripsTypes ? "TypeScript loads" : "TypeScript is refused clearly");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
