import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";

import { FriendlyError } from "./friendly-error.ts";
import { dataFolder } from "./places.ts";
import { startTasksCommand } from "./tasks-command.ts";

/** Some processes of `tasks worker`. What they have to say goes to `worker-<number>.log` in the data folder. */
export class WorkerProcesses implements AsyncDisposable {
  readonly #processes: readonly ChildProcess[];

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes;
  }

  static async start(count: number): Promise<WorkerProcesses> {
    await mkdir(dataFolder, { recursive: true });
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const processes = await Promise.all(numbers.map(startWorker));
    // However this process ends, its workers must not stay behind.
    process.once("exit", () => processes.filter(isRunning).forEach((worker) => worker.kill()));
    return new WorkerProcesses(processes);
  }

  /** As long as one worker runs, it finishes what another one left behind. @throws FriendlyError when none does. */
  assertAlive(): void {
    if (this.#processes.some(isRunning)) return;
    throw new FriendlyError(
      `The workers ended before the work was done. Their logs say why: ${join(dataFolder, "worker-*.log")}`,
    );
  }

  /** Asks the workers to stop, and waits until they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#processes.filter(isRunning).map(async (process) => {
        const ended = once(process, "exit");
        process.kill("SIGTERM");
        await ended;
      }),
    );
  }
}

async function startWorker(number: number): Promise<ChildProcess> {
  const log = await open(join(dataFolder, `worker-${number}.log`), "w");
  try {
    return startTasksCommand(
      [
        "worker",
        "--queue-name=*",
        `--worker-id=indexer-${number}`,
        "--interval=0.2",
        "--no-startup-delay",
      ],
      // Apart from the terminal, whose Ctrl+C would reach the workers a second time and cut their graceful stop short.
      { stdio: ["ignore", log.fd, log.fd, "ipc"], detached: true },
      ["--import", import.meta.resolve("./stop-with-parent.ts")],
    );
  } finally {
    // The process has its own copy by now.
    await log.close();
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
