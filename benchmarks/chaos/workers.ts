import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import type { WorkerProcessOptions } from "./worker-process.ts";

/** How long a worker may take to end when it is told to, in milliseconds. */
const STOP_LIMIT_MS = 60_000;

/** A worker process that can be killed and stalled. */
export interface ChaosWorker {
  readonly name: string;
  readonly process: ChildProcess;
  /** It can be stopped gracefully from now on. */
  readonly ready: Promise<unknown>;
}

/** A worker that was killed, and when. */
export interface Kill {
  readonly worker: string;
  readonly atMs: number;
}

/** A fixed number of worker processes: who is killed is replaced at once. */
export class Workers implements AsyncDisposable {
  readonly #options: Omit<WorkerProcessOptions, "worker">;
  readonly #alive: ChaosWorker[] = [];
  /** Those that take part: they have begun a task, and are not stalled. */
  readonly #awake = new Set<ChaosWorker>();
  readonly #kills: Kill[] = [];
  #started = 0;
  #stalls = 0;

  constructor(options: Omit<WorkerProcessOptions, "worker">) {
    this.#options = options;
  }

  /** Those worth a fault: at work, and not stalled. */
  get awake(): readonly ChaosWorker[] {
    return this.#alive.filter((worker) => this.#awake.has(worker));
  }

  get kills(): readonly Kill[] {
    return this.#kills;
  }

  get stalls(): number {
    return this.#stalls;
  }

  /** Resolves when all have started. */
  async ready(): Promise<void> {
    await Promise.all(this.#alive.map((worker) => worker.ready));
  }

  start(): ChaosWorker {
    const name = `worker-${++this.#started}`;
    const options: WorkerProcessOptions = { ...this.#options, worker: name };
    const child = fork(new URL("./worker-process.ts", import.meta.url), [JSON.stringify(options)]);
    const worker: ChaosWorker = { name, process: child, ready: once(child, "message") };
    this.#alive.push(worker);
    child.on("message", (message) => {
      if (message === "working") this.#awake.add(worker);
    });
    return worker;
  }

  /** `kill -9`, and another one in its place. */
  kill(worker: ChaosWorker): void {
    this.#alive.splice(this.#alive.indexOf(worker), 1);
    worker.process.kill("SIGKILL");
    this.#kills.push({ worker: worker.name, atMs: Date.now() });
    this.start();
  }

  /** Freezes a worker with everything in it, its heartbeat too. */
  stall(worker: ChaosWorker): void {
    this.#stalls++;
    this.#awake.delete(worker);
    worker.process.kill("SIGSTOP");
  }

  /** Lets a stalled worker go on as if nothing had happened. */
  wake(worker: ChaosWorker): void {
    this.#awake.add(worker);
    worker.process.kill("SIGCONT");
  }

  /** Stops every worker gracefully and waits for the last. @throws when one ended by itself or badly. */
  async stop(): Promise<void> {
    await Promise.all(this.#alive.splice(0).map(stopGracefully));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process: child } of this.#alive) child.kill("SIGKILL");
    this.#alive.length = 0;
  }
}

async function stopGracefully({ name, process: child, ready }: ChaosWorker): Promise<void> {
  if (child.exitCode !== null) throw new Error(`${name} ended by itself with ${child.exitCode}.`);
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  await Promise.race([ready, exited]);
  child.kill("SIGTERM");
  const late = sleep(STOP_LIMIT_MS, undefined, { ref: false });
  const ended = await Promise.race([exited, late]);
  if (ended === undefined) throw new Error(`${name} did not end within ${STOP_LIMIT_MS} ms.`);
  const [code, signal] = ended;
  if (code !== 0) throw new Error(`${name} ended with ${signal ?? code} when it was stopped.`);
}
