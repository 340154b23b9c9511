import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { WorkerOptions } from "@tasks/core";
import type { RQBackendOptions } from "@tasks/rq";
import type { ClusterNode, RedisOptions } from "ioredis";
import { afterAll } from "vitest";

/** What a worker process is started with. */
export interface ChildJob {
  readonly backend: Omit<RQBackendOptions, "connection">;
  /** Options of a client of its own, of a cluster if it has nodes; without it the backend opens one. */
  readonly client?: Omit<RedisOptions, "replyMapping"> | { readonly nodes: readonly ClusterNode[] };
  readonly worker?: WorkerOptions;
}

/** A worker process. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

const SCRIPT = fileURLToPath(new URL("child.ts", import.meta.url));
const children = new Set<ChildProcess>();

/** Starts a worker process, and resolves when it begins to work; the ones that still run are killed after the test file. */
export async function startWorker(job: ChildJob, journal: string): Promise<Child> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TASKS_JOURNAL: journal },
  });
  children.add(child);
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      children.delete(child);
      resolve(code);
    });
  });
  await once(child.stdout, "data");
  return { process: child, pid: child.pid!, ended };
}

/** Lines of a journal so far. */
export function readJournal(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").filter(Boolean) : [];
}

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});
