import { spawn, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { vi } from "vitest";

import { runCli, type CliIo, type StopSignal } from "../../src/index.ts";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
// Processes take their time to start on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

const MAIN = join(PACKAGE, "src/main.ts");

/** What a command left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs in a process of its own. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /** Everything it has written so far. */
  readonly output: () => string;
  /** Resolves when its output holds this text. */
  sees(text: string | RegExp): Promise<void>;
  /** Resolves with its exit code, and how long that took from now. */
  readonly ends: () => Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly tookMs: number;
  }>;
}

/** Options of a command in this process. */
export interface RunOptions {
  /** Folder below the project to run in. */
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** Told of everything written to stderr; may send a signal. */
  readonly onStderr?: ((text: string, send: (signal: StopSignal) => void) => void) | undefined;
}

/** A small project on disk, with the packages of this workspace installed. */
export interface Project extends AsyncDisposable {
  readonly folder: string;
  /** Runs a command in this process. */
  run(argv: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Starts a command in a process of its own. */
  start(argv: readonly string[], env?: Readonly<Record<string, string>>): RunningCommand;
  write(files: Readonly<Record<string, string>>): Promise<void>;
}

/** Writes a project to a fresh folder. */
export async function createProject(files: Readonly<Record<string, string>>): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), "tasks-cli-"));
  await symlink(join(PACKAGE, "node_modules"), join(folder, "node_modules"));
  const children: ChildProcess[] = [];
  const write: Project["write"] = async (more) => {
    for (const [name, text] of Object.entries(more)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
  };
  await write({ "package.json": '{ "type": "module" }', ...files });
  return {
    folder,
    write,
    run: (argv, options) => runHere(folder, argv, options),
    start: (argv, env) => {
      const command = startCommand(folder, argv, env);
      children.push(command.child);
      return command;
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function runHere(
  folder: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { isTTY = false, columns } = options;
  const written = { stdout: "", stderr: "" };
  const signals = new EventEmitter();
  const stream = (name: "stdout" | "stderr"): CliIo["stdout"] => ({
    write: (text: string) => {
      written[name] += text;
      if (name === "stderr") options.onStderr?.(text, (signal) => signals.emit(signal, signal));
    },
    isTTY,
    columns,
  });
  const code = await runCli(argv, {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: options.env ?? {},
    cwd: join(folder, options.cwd ?? "."),
    signals,
    exit: () => {},
    onFault: () => () => {},
    onLauncherGone: () => () => {},
  });
  return { code, ...written };
}

function startCommand(
  folder: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningCommand {
  const { NODE_OPTIONS: _options, FORCE_COLOR: _color, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd: folder,
    env: { ...inherited, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close") as Promise<[number | null, string | null]>;
  let written = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (written += text));
  }
  return {
    child,
    output: () => written,
    sees: async (text) => {
      await vi.waitFor(
        () => {
          const isThere = typeof text === "string" ? written.includes(text) : text.test(written);
          if (!isThere) throw new Error(`${String(text)} is not in the output:\n${written}`);
        },
        { timeout: 25_000, interval: 10 },
      );
    },
    ends: async () => {
      const since = performance.now();
      const [code, signal] = await ended;
      return { code, signal, tookMs: performance.now() - since };
    },
  };
}
