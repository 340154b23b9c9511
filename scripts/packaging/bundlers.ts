import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { runToEnd } from "../run-to-end.mjs";
import type { Checks } from "./checks.ts";

const BUNDLERS = ["esbuild@0.28.2", "webpack@5.112.2"];
const TIMEOUT_MS = 120_000;

/** A worker whose task blocks the event loop for longer than the lease: it is run once only if a thread renews the lease. */
const PROGRAM = `
import { configureTasks, task, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

async function main() {
  const backend = new DatabaseBackend({ url: "sqlite:" + process.argv[2], leaseMs: 1500 });
  configureTasks({ backends: { default: backend } });
  taskLog.connect(({ level, message }) => level === "warn" && console.log(message));
  const block = task({ name: "block" }, () => {
    const end = Date.now() + 4000;
    while (Date.now() < end);
  });
  const workers = [await backend.createWorker(), await backend.createWorker()];
  for (const worker of workers) void worker.run();
  const result = await (await block.enqueue()).wait({ timeoutMs: 60_000 });
  console.log(result.status, result.attempts);
  await backend.close();
}
void main();
`;

const SET_MODULE_URL = [
  "--define:import.meta.url=importMetaUrl",
  '--banner:js=const importMetaUrl = require("node:url").pathToFileURL(__filename).href;',
];

/** Bundles a worker as `docs/bundlers.md` says, without a driver installed, and runs it: no warning, and a lease thread. */
export async function checkBundlers(checks: Checks, project: string): Promise<void> {
  const folder = join(project, "bundled");
  const installed = await checks.run("bundlers: are at hand", async () => {
    await mkdir(folder);
    await writeFile(join(folder, "app.mjs"), PROGRAM);
    const options = ["--no-save", "--no-audit", "--no-fund", "--no-package-lock"];
    await runToEnd("npm", ["install", ...options, ...BUNDLERS], { cwd: project });
  });
  if (!installed) return;
  for (const format of ["esm", "cjs"] as const) {
    await checks.run(`bundlers: esbuild, ${format}`, async () => {
      await bundleWithEsbuild(project, folder, format);
      await runBundle(folder, `esbuild-${format}/app.js`);
    });
    await checks.run(`bundlers: webpack, ${format}`, async () => {
      await bundleWithWebpack(folder, format);
      await runBundle(folder, `webpack-${format}/app.js`);
    });
  }
}

async function bundleWithEsbuild(
  project: string,
  folder: string,
  format: "esm" | "cjs",
): Promise<void> {
  const entries = ["app=app.mjs", "sqlite-lease=@tasks/db/sqlite-lease"];
  const options = [
    "--bundle",
    "--platform=node",
    `--format=${format}`,
    `--outdir=esbuild-${format}`,
  ];
  const args = [...entries, ...options, ...(format === "cjs" ? SET_MODULE_URL : [])];
  const esbuild = join(project, "node_modules/.bin/esbuild");
  await runToEnd(esbuild, [...args, "--log-level=warning"], { cwd: folder, timeout: TIMEOUT_MS });
  await markAs(format, join(folder, `esbuild-${format}`));
}

async function bundleWithWebpack(folder: string, format: "esm" | "cjs"): Promise<void> {
  const isModule = format === "esm";
  const path = join(folder, `webpack-${format}`);
  const configuration = {
    mode: "production",
    target: "node20",
    context: folder,
    entry: "./app.mjs",
    experiments: { outputModule: isModule },
    output: { path, filename: "app.js", module: isModule },
  };
  const script = `import webpack from "webpack";
webpack(${JSON.stringify(configuration)}, (error, stats) => {
  if (error) throw error;
  const text = stats.toString({ all: false, errors: true, warnings: true });
  if (text !== "") throw new Error(text);
});
`;
  await writeFile(join(folder, "webpack.mjs"), script);
  await runToEnd(process.execPath, ["webpack.mjs"], { cwd: folder, timeout: TIMEOUT_MS });
  await markAs(format, path);
}

async function markAs(format: "esm" | "cjs", folder: string): Promise<void> {
  const type = format === "esm" ? "module" : "commonjs";
  await writeFile(join(folder, "package.json"), JSON.stringify({ type }));
}

async function runBundle(folder: string, bundle: string): Promise<void> {
  const args = [bundle, `${bundle}.db`];
  const output = await runToEnd(process.execPath, args, { cwd: folder, timeout: TIMEOUT_MS });
  if (output.trim() !== "SUCCESSFUL 1") throw new Error(`Expected SUCCESSFUL 1, got:\n${output}`);
}
