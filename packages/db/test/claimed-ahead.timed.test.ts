import { writeFileSync } from "node:fs";

import { configureTasks, createId, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { readJournal, start } from "./support/processes.ts";
import { servers, type ServerName, type ServerTables } from "./support/servers.ts";
import { block, mark } from "./support/tasks.ts";

const folder = createFolder();
taskLog.connect(() => undefined);

/** Where the tables of a test are. */
type Source = ServerTables["source"];

async function onServer(name: ServerName): Promise<Source> {
  const tables = await servers[name].createTables();
  onTestFinished(() => tables.drop());
  return tables.source;
}

describe.each<readonly [string, () => Promise<Source> | Source]>([
  ["SQLite", () => ({ url: `sqlite:${folder.path(createId())}.db` })],
  ["PostgreSQL", () => onServer("postgres")],
  ["MariaDB", () => onServer("mariadb")],
])("a worker on %s whose event loop is blocked by a task", (_database, createSource) => {
  it("leaves what it claimed ahead to another one", async () => {
    const source = await createSource();
    const backend = new DatabaseBackend(source);
    configureTasks({ backends: { default: backend } });
    await backend.migrate();
    const [journal, end] = [folder.path(createId()), folder.path(createId())];
    const marks = (name: string): [string][] =>
      Array.from({ length: 400 }, (_, index) => [`${name}-${index}`]);
    // Short tasks come first, so that the worker claims many ahead.
    await mark.enqueueMany(marks("before"));
    const blocking = await block.enqueue("blocking", end);
    const results = await mark.enqueueMany(marks("after"));
    const job = { job: "work", ...source, options: { concurrency: 1 } } as const;
    const blocked = start(job, journal);
    await vi.waitFor(
      () => expect(readJournal(journal)).toContain(`blocking start ${blocked.pid}`),
      10_000,
    );
    const other = start(job, journal);
    await Promise.all(results.map((result) => result.wait({ timeoutMs: 20_000 })));
    expect((await blocking.refresh()).status).toBe("RUNNING");
    // None counts as lost.
    expect(results.map(({ attempts }) => attempts)).toEqual(results.map(() => 1));
    writeFileSync(end, "");
    await blocking.wait({ timeoutMs: 10_000 });
    for (const { process } of [blocked, other]) process.kill("SIGTERM");
    expect(await Promise.all([blocked.ended, other.ended])).toEqual([0, 0]);
    const labels = readJournal(journal).map((line) => line.split(" ")[0]);
    expect(labels).toHaveLength(801);
    expect(new Set(labels).size).toBe(801);
    await backend.close();
  }, 60_000);
});
