import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Task, TaskStatus } from "@tasks/core";
import { withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import { createProject, type Project } from "./project.ts";

/** A project on an SQLite file, and the same database opened by the test. */
export interface DatabaseProject extends Project {
  readonly backend: DatabaseBackend;
  statusOf(id: string): Promise<TaskStatus>;
  /** Enqueues many calls of one of the project's tasks. */
  enqueueMany(name: string, calls: readonly (readonly unknown[])[]): Promise<void>;
  /** Enqueues one of the project's tasks from the test. Resolves with the id. */
  enqueue(
    name: string,
    args?: readonly unknown[],
    options?: Parameters<Task["using"]>[0],
  ): Promise<string>;
}

const CONFIG = `import { configureTasks, ImmediateBackend } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

export default configureTasks({
  backends: {
    default: () => new DatabaseBackend({ url: "sqlite:" + import.meta.dirname + "/tasks.db", queues: [] }),
    immediate: new ImmediateBackend(),
  },
  tasks: ["./tasks.ts"],
});
`;

let projects = 0;

/**
 * Writes a project whose tasks are `add`, `slow(ms)`, `stubborn(ms)`, `fail` and `hostile`, and migrates its database.
 *
 * Task names get the returned prefix: names are unique in a process, and one test file makes several projects.
 */
export async function createDatabaseProject(): Promise<
  DatabaseProject & { readonly prefix: string }
> {
  const prefix = `p${projects++}_`;
  const project = await createProject({
    "tasks.config.ts": CONFIG,
    "tasks.ts": tasksModule(prefix),
  });
  const backend = new DatabaseBackend({
    url: `sqlite:${join(project.folder, "tasks.db")}`,
    queues: [],
  });
  await backend.migrate();
  const taskOf = async (name: string): Promise<Task> => {
    const module = (await import(pathToFileURL(join(project.folder, "tasks.ts")).href)) as Record<
      string,
      Task
    >;
    return module[name]!;
  };
  let runs = 0;
  return {
    ...project,
    prefix,
    // A module is loaded once per process and every command closes its configuration: each run needs a module of its own.
    run: async (argv, options) => {
      const name = `tasks.config.${runs++}.ts`;
      await project.write({ [name]: CONFIG });
      return project.run(["--config", join(project.folder, name), ...argv], options);
    },
    backend,
    statusOf: async (id) => (await backend.getResult(id)).status,
    enqueueMany: async (name, calls) => {
      const task = await taskOf(name);
      await withBackends({ default: backend }, () => task.enqueueMany(calls));
    },
    enqueue: async (name, args = [], options = {}) => {
      const task = (await taskOf(name)).using(options);
      return withBackends({ default: backend }, async () => (await task.enqueue(...args)).id);
    },
    [Symbol.asyncDispose]: async () => {
      await backend.close();
      await project[Symbol.asyncDispose]();
    },
  };
}

function tasksModule(prefix: string): string {
  return `import { setTimeout as sleep } from "node:timers/promises";
import { task } from "@tasks/core";

export const add = task({ name: "${prefix}add" }, (a: number, b: number) => a + b);
export const slow = task({ name: "${prefix}slow" }, async (ms: number) => {
  await sleep(ms);
  return "slept";
});
export const stubborn = task({ name: "${prefix}stubborn", takesContext: true }, async ({ signal }, ms: number) => {
  signal.addEventListener("abort", () => console.log("told to stop"));
  await sleep(ms);
});
export const fail = task({ name: "${prefix}fail" }, () => {
  throw new RangeError("it does not work");
});
export const hostile = task({ name: "${prefix}hostile" }, () => {
  throw new Error("first\\nTask id=1 path=x state=SUCCESSFUL\\u001b[2J\\u202e");
});
export const stray = task({ name: "${prefix}stray" }, async () => {
  void Promise.reject(new Error("nobody waits for me"));
  await sleep(50);
});
export const crash = task({ name: "${prefix}crash" }, async () => {
  setTimeout(() => {
    throw new Error("thrown from a timer");
  }, 10);
  await sleep(200);
});
`;
}
