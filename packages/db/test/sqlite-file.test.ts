import { renameSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

import { task, taskLog, withBackends, type LogRecord } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import Libsql from "libsql";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { expectAllToWork } from "./support/expect-all-to-work.ts";
import { createFolder } from "./support/folder.ts";

const records: LogRecord[] = [];
taskLog.connect((record) => {
  records.push(record);
});
const folder = createFolder();
const greet = task({ name: "file.greet" }, (name: string) => `Hello, ${name}!`);

describe("two SQLite libraries on one file", () => {
  const refusal = {
    code: "TASKS_INVALID_BACKEND",
    message: expect.stringContaining("Two SQLite libraries") as string,
  };
  const enqueueOn = (backend: DatabaseBackend): Promise<unknown> =>
    withBackends({ default: backend }, () => greet.enqueue("Ada"));

  it.each([
    ["better-sqlite3", (path: string) => new BetterSqlite(path)],
    ["libsql", (path: string) => new Libsql(path)],
  ])("are refused where the application has it open already, by %s", async (name, open) => {
    const path = folder.path(`app-${name}.db`);
    const application = open(path);
    onTestFinished(() => void application.close());
    application.exec("create table orders (id integer)");
    await using backend = new DatabaseBackend({ url: `sqlite:${path}` });
    await expect(enqueueOn(backend)).rejects.toMatchObject(refusal);
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E004" }]);
    await expect((await backend.createWorker({ batch: true })).run()).rejects.toMatchObject(
      refusal,
    );
  });

  it("are found when the application opens it later", async () => {
    const path = folder.path("later.db");
    await using backend = new DatabaseBackend({ url: `sqlite:${path}` });
    await enqueueOn(backend);
    const application = new BetterSqlite(path);
    onTestFinished(() => void application.close());
    application.prepare("select count(*) from tasks_results").get();
    await vi.waitFor(() => expect(enqueueOn(backend)).rejects.toMatchObject(refusal), 5000);
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E004" }]);
  });

  it("are no trouble when the application uses the one in Node, and another on another file", async () => {
    const path = folder.path("same-library.db");
    const application = new DatabaseSync(path);
    onTestFinished(() => application.close());
    application.exec("pragma journal_mode = wal; create table orders (id integer)");
    await using backend = new DatabaseBackend({ url: `sqlite:${path}` });
    await enqueueOn(backend);
    application.exec("insert into orders values (1)");
    expect(application.prepare("select id from orders").all()).toHaveLength(1);
  });

  it("are refused between two backends, however the path is written", async () => {
    const path = folder.path("backends.db");
    await using first = new DatabaseBackend({ url: `sqlite:${path}` });
    await enqueueOn(first);
    const database = new BetterSqlite(folder.path("./x/../backends.db"));
    onTestFinished(() => void database.close());
    await using byHandle = new DatabaseBackend({ database });
    await expect(byHandle.counts()).rejects.toMatchObject(refusal);
    const kysely = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    await using byKysely = new DatabaseBackend({ kysely });
    await expect(byKysely.counts()).rejects.toMatchObject(refusal);
  });

  it("are no trouble on two files, nor one library with several connections", async () => {
    const path = folder.path("one-library.db");
    const own = new BetterSqlite(folder.path("another.db"));
    onTestFinished(() => void own.close());
    own.exec("create table orders (id integer)");
    await using first = new DatabaseBackend({ url: `sqlite:${path}` });
    await using second = new DatabaseBackend({ url: `sqlite:${path}` });
    await enqueueOn(first);
    await enqueueOn(second);
    expect(await first.counts()).toMatchObject({ READY: 2 });
  });
});

describe("a SQLite file that is deleted or replaced while it is open", () => {
  it.each([
    ["deleted", (path: string) => rmSync(path)],
    [
      "replaced",
      (path: string) => {
        new DatabaseSync(`${path}.copy`).close();
        renameSync(`${path}.copy`, path);
      },
    ],
  ])(
    "is noticed by calls, check() and a worker: %s",
    async (name, change) => {
      const path = folder.path(`${name}.db`);
      await using backend = new DatabaseBackend({ url: `sqlite:${path}` });
      const worker = await backend.createWorker({
        workerId: `worker-${name}`,
        // An outcome that cannot be stored any more is tried until then.
        shutdownTimeoutMs: 500,
      });
      const running = worker.run();
      await withBackends({ default: backend }, async () => {
        const result = await greet.enqueue("Ada");
        await result.wait({ timeoutMs: 5000 });
        change(path);
        await vi.waitFor(
          () =>
            expect(greet.enqueue("Grace")).rejects.toMatchObject({
              isPermanent: true,
              message: expect.stringContaining("deleted or replaced") as string,
            }),
          5000,
        );
      });
      expect(await backend.check()).toMatchObject([{ level: "error", id: "tasks.db.E003" }]);
      await vi.waitFor(
        () =>
          expect(
            records.filter(
              ({ level, message }) => level === "error" && message.includes(`worker-${name}`),
            ),
          ).toHaveLength(1),
        5000,
      );
      await worker.stop();
      await running;
    },
    20_000,
  );
});

describe("a connection of the user's with options that change values", () => {
  it.each([
    [
      "node:sqlite",
      (path: string) => new DatabaseSync(path, { readBigInts: true, returnArrays: true }),
    ],
    ["better-sqlite3", (path: string) => new BetterSqlite(path).defaultSafeIntegers(true)],
  ])(
    "works all the same: %s",
    async (name, open) => {
      const database = open(folder.path(`options-${name.replace(":", "-")}.db`));
      onTestFinished(() => void database.close());
      await using backend = new DatabaseBackend({ database, leaseMs: 60_000, heartbeat: "timer" });
      await backend.migrate();
      await expectAllToWork(backend);
    },
    30_000,
  );

  it("is found by check() when it only reads", async () => {
    const database = new DatabaseSync(folder.path("read-only.db"));
    onTestFinished(() => database.close());
    await using backend = new DatabaseBackend({ database, heartbeat: "timer" });
    await backend.migrate();
    expect(await backend.check()).toEqual([]);
    database.exec("pragma query_only = 1");
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E006" }]);
  });
});
