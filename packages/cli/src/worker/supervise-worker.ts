import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { extname, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { EXIT_OK } from "../exit-codes.ts";
import { WATCHED, type CliIo, type SignalListener, type StopSignal } from "../io.ts";
import type { LogPrinter } from "../output/log-printer.ts";
import { watchFiles } from "./file-watcher.ts";
import { isWatchMessage } from "./module-trace.ts";

/** Options of `superviseWorker`. */
export interface SuperviseOptions {
  readonly io: CliIo;
  /** The command line of the worker. */
  readonly argv: readonly string[];
  readonly logs: LogPrinter;
  readonly configFile: string;
}

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGQUIT"];

/**
 * Runs the worker in a process of its own and starts it afresh whenever one of its files changes. A worker that ended by itself is started again
 * by the next change.
 *
 * @returns the exit code of the last worker, after a signal.
 */
export async function superviseWorker(options: SuperviseOptions): Promise<number> {
  const { io, logs, configFile } = options;
  let child = startWorker(options, onMessage);
  let isStopping = false;
  let isEnding = false;
  let releaseLauncher: (() => void) | undefined;
  const watcher = watchFiles([configFile], (file) => {
    // The worker that is about to start sees this change too.
    if (isStopping) return;
    isStopping = true;
    logs.log("info", `${relative(io.cwd, file)} changed - restarting the worker.`);
    void stopWorker(child, "SIGTERM").then(() => {
      if (isEnding) return;
      isStopping = false;
      child = startWorker(options, onMessage);
    });
  });
  function onMessage(message: unknown): void {
    if (isWatchMessage(message)) watcher.add(message.files);
  }

  try {
    return await new Promise<number>((resolve) => {
      const listener: SignalListener = (signal) => {
        isEnding = true;
        watcher.close();
        // The worker is in a process group of its own: a terminal's Ctrl+C reaches it through here only.
        void stopWorker(child, signal).then(resolve);
      };
      for (const signal of SIGNALS) io.signals.on(signal, listener);
      releaseLauncher = io.onLauncherGone(() => listener("SIGTERM"));
    });
  } finally {
    releaseLauncher?.();
    watcher.close();
  }
}

function startWorker(
  { io, argv, logs }: SuperviseOptions,
  onMessage: (message: unknown) => void,
): ChildProcess {
  const folder = new URL("..", import.meta.url);
  const main = fileURLToPath(new URL(`main${extname(import.meta.url)}`, folder));
  const child = spawn(process.execPath, [...process.execArgv, main, ...argv], {
    cwd: io.cwd,
    env: { ...io.env, [WATCHED]: "1" },
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    detached: true,
  });
  child.on("message", onMessage);
  child.on("exit", (code) => {
    if (code !== null && code !== EXIT_OK) {
      logs.log("info", "The worker ended with an error. It starts again when a file changes.");
    }
  });
  return child;
}

/** Sends the signal and waits for the end. */
async function stopWorker(child: ChildProcess, signal: StopSignal): Promise<number> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  return child.exitCode ?? EXIT_OK;
}
