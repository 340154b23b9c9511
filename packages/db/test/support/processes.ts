import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { WorkerOptions } from "@tasks/core";
import { afterAll } from "vitest";

/** What a child process is to do. */
export interface ChildJob {
  readonly job: "work" | "migrate" | "enqueue" | "count" | "unique" | "calls";
  readonly url: string;
  readonly schema?: string;
  readonly leaseMs?: number;
  readonly answerLimitMs?: number;
  readonly pooler?: boolean;
  readonly options?: WorkerOptions;
  /** For `calls`: what to call, one after the other, whether it succeeds or not. */
  readonly calls?: readonly BackendCall[];
}

/** A call of a backend, with nothing else that keeps the process alive. */
export type BackendCall = "check" | "plan" | "migrate" | "down" | "enqueue" | "counts" | "work";

/** A running child process. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with its next line of output, decoded. */
  next(): Promise<unknown>;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

const SCRIPT = fileURLToPath(new URL("child.ts", import.meta.url));
const children = new Set<ChildProcess>();

/** Starts a process; the ones that still run are killed after the test file. */
export function start(job: ChildJob, journal?: string): Child {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...(journal === undefined ? {} : { TASKS_JOURNAL: journal }) },
  });
  children.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    pid: child.pid!,
    next: async () => JSON.parse(((await lines.next()) as { value: string }).value) as unknown,
    ended: new Promise((resolve) => {
      child.once("exit", (code) => {
        children.delete(child);
        resolve(code);
      });
    }),
  };
}

/** Lines of a journal so far. */
export function readJournal(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").filter(Boolean) : [];
}

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});
