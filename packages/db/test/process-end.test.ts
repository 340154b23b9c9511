import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { createId, taskLog } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";
import { start, type BackendCall } from "./support/processes.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const pool = createPool(1);
const databases = createDatabases(createMariadbPool());

const DATABASES: Readonly<Record<string, () => Promise<string>>> = {
  SQLite: async () => `sqlite:${folder.path(`${createId()}.db`)}`,
  PostgreSQL: async () => {
    const schema = `t_${createId()}`;
    await pool.query(`create schema ${schema}`);
    const url = new URL(postgresUrl());
    url.searchParams.set("options", `-c search_path=${schema}`);
    return url.href;
  },
  MariaDB: async () => (await databases.create()).url,
};

/** Orders of calls. The first of each meets a database without tables. */
const ORDERS: readonly (readonly BackendCall[])[] = [
  ["check", "migrate", "enqueue", "work", "down", "migrate", "counts"],
  ["enqueue", "plan", "migrate", "migrate", "counts", "down", "check"],
  ["migrate"],
  ["counts"],
];

describe.each(Object.entries(DATABASES))(
  "a process with nothing but a backend on %s",
  (_, open) => {
    it.each(ORDERS.map((calls) => ({ calls })))(
      "lives until every call has an answer: $calls",
      async ({ calls }) => {
        const child = start({ job: "calls", url: await open(), calls });
        expect(await child.next()).toBe("closed");
        expect(await child.ended).toBe(0);
      },
      60_000,
    );
  },
);

/** A worker whose whole program stands on the command line. Its task returns whether the lease is renewed while it blocks. */
const PROGRAM = `
  import { DatabaseSync } from "node:sqlite";
  import { configureTasks, task } from "@tasks/core";
  import { DatabaseBackend } from "@tasks/db";
  const [, path] = process.argv;
  const backend = new DatabaseBackend({ url: "sqlite:" + path, leaseMs: 1000 });
  configureTasks({ backends: { default: backend } });
  const watch = task({ name: "watch" }, () => {
    const file = new DatabaseSync(path);
    const heartbeat = () => file.prepare("select heartbeat from tasks_workers").get().heartbeat;
    const [first, giveUpAt] = [heartbeat(), Date.now() + 10_000];
    while (heartbeat() === first && Date.now() < giveUpAt) continue;
    return heartbeat() !== first;
  });
  const result = await watch.enqueue();
  await (await backend.createWorker({ batch: true })).run();
  await result.refresh();
  console.log(result.returnValue);
  await backend.close();
`;

it("a program on the command line has a lease thread, too", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, "--input-type=module", "-e", PROGRAM, folder.path(`${createId()}.db`)],
    { cwd: new URL("..", import.meta.url) },
  );
  expect(stdout).toBe("true\n");
});
