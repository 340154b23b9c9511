import { DatabaseSync } from "node:sqlite";

import {
  BackendUnavailable,
  configureTasks,
  InvalidTask,
  InvalidOption,
  task,
  taskLog,
  withBackends,
  type LogRecord,
} from "@tasks/core";
import { DatabaseBackend, migrations, taskResults } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { describe, expect, it } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";

const folder = createFolder();
const problems: LogRecord[] = [];
taskLog.connect((record) => {
  if (record.level === "warn") problems.push(record);
});
const echo = task({ name: "backend.echo" }, (value: string) => value);
const fails = task({ name: "backend.fails" }, () => {
  throw new Error("on purpose");
});

function urlOf(name: string): string {
  return `sqlite:${folder.path(name)}`;
}

async function drain(backend: DatabaseBackend): Promise<void> {
  const worker = await backend.createWorker({ batch: true, intervalMs: 20 });
  await worker.run();
}

describe("options", () => {
  it.each([
    [{}, "exactly one of url, kysely and database; 0"],
    [{ url: "sqlite:a.db", database: new DatabaseSync(":memory:") }, "exactly one"],
    [{ url: "sqlite:" }, "A SQLite url is"],
    [{ url: "sqlite://host/a.db" }, "A SQLite url is"],
    [{ url: "redis://user:secret@host" }, "urls of the kind 'redis'"],
    [{ url: "./tasks.db" }, "no scheme"],
    [{ url: "sqlite:a.db", tablePrefix: 'x"; drop table y; --' }, "tablePrefix must be"],
    [{ url: "sqlite:a.db", leaseMs: 10 }, "leaseMs must be"],
    [{ url: "sqlite:a.db", maxPayloadBytes: 0 }, "maxPayloadBytes must be"],
    [{ url: "sqlite:a.db", synchronous: "off" as "full" }, "synchronous must be"],
    [{ url: "sqlite::memory:", heartbeat: "thread" as const }, "needs a file"],
    [{ url: "sqlite:a.db", schema: "tasks" }, "schema is for PostgreSQL"],
    [{ url: "postgres://u:secret@host/db", schema: "a.b" }, "schema must be"],
    [{ url: "postgres://u:secret@host/db", poolSize: 0 }, "poolSize must be"],
    [{ database: {} as never }, "database must be"],
    [{ kysely: {} as never }, "kysely must be"],
  ])("are refused with a reason: %o", (options, reason) => {
    const create = (): DatabaseBackend => new DatabaseBackend(options);
    expect(create).toThrow(InvalidOption);
    expect(create).toThrow(reason);
    expect(create).not.toThrow("secret");
  });

  it("of counts() are refused where they have unknown names", async () => {
    await using backend = new DatabaseBackend({ url: "sqlite::memory:" });
    const counting = backend.counts({ queue: "emails" } as never);
    await expect(counting).rejects.toThrow(
      new InvalidOption('counts() does not know the option "queue". It takes: queueName.'),
    );
  });

  it("of unknown names are refused with the nearest one", () => {
    const create = (): DatabaseBackend => new DatabaseBackend({ ulr: "sqlite:a.db" } as never);
    expect(create).toThrow(InvalidOption);
    expect(create).toThrow(
      'new DatabaseBackend() does not know the option "ulr". Did you mean "url"?',
    );
  });

  it.each(["mariadb://user:secret@host", "mysql://user:secret@host/"])(
    "say that %s names no database, without its password",
    (url) => {
      const create = (): DatabaseBackend => new DatabaseBackend({ url });
      expect(create).toThrow("names no database");
      expect(create).not.toThrow("secret");
    },
  );

  it("keep backends apart that share a file, by alias and by prefix", async () => {
    const url = urlOf("shared.db");
    await using one = new DatabaseBackend({ url });
    await using two = new DatabaseBackend({ url });
    await using other = new DatabaseBackend({ url, tablePrefix: "other_" });
    configureTasks({ backends: { one, two, other } });
    const result = await echo.using({ backend: "one" }).enqueue("x");
    for (const alias of ["two", "other"]) {
      const backend = alias === "two" ? two : other;
      expect(await backend.readRecord(result.id)).toBeUndefined();
      await drain(backend);
    }
    expect((await result.refresh()).status).toBe("READY");
    await drain(one);
    expect((await result.refresh()).status).toBe("SUCCESSFUL");
  });

  it("take ids from idFunction, and a taken one fails alone", async () => {
    const ids = ["a", "b", "b", "c"];
    await using backend = new DatabaseBackend({
      url: "sqlite::memory:",
      idFunction: () => ids.shift()!,
    });
    await withBackends({ default: backend }, async () => {
      const settled = await Promise.allSettled(["1", "2", "3", "4"].map((n) => echo.enqueue(n)));
      expect(settled.map(({ status }) => status)).toEqual([
        "fulfilled",
        "fulfilled",
        "rejected",
        "fulfilled",
      ]);
      expect(settled[2]).toMatchObject({ reason: expect.any(InvalidTask) as unknown });
      expect(await backend.counts()).toMatchObject({ READY: 3 });
    });
  });

  it("make everything work in memory", async () => {
    await using backend = new DatabaseBackend({ url: "sqlite::memory:" });
    await withBackends({ default: backend }, async () => {
      const result = await echo.enqueue("x");
      await drain(backend);
      expect((await result.refresh()).returnValue).toBe("x");
      expect(await backend.check()).toEqual([]);
    });
  });
});

describe("schema", () => {
  it("goes up and down again, and prints as SQL that builds the same", async () => {
    const printed = new DatabaseSync(":memory:");
    printed.exec(migrations.sql("sqlite", { tablePrefix: "t_" }));
    const path = folder.path("schema.db");
    await using backend = await openBackend({ url: `sqlite:${path}`, tablePrefix: "t_" });
    const read = (database: DatabaseSync): unknown =>
      database
        .prepare("select name, sql from sqlite_master where sql is not null order by name")
        .all();
    const migrated = new DatabaseSync(path);
    expect(read(migrated)).toEqual(read(printed));
    expect(await backend.migrate({ to: 0 })).toEqual(["1 initial"]);
    expect(read(migrated)).toEqual([]);
    expect(await backend.migrate()).toEqual(["1 initial"]);
    expect(await backend.migrate()).toEqual([]);
    await expect(backend.migrate({ to: 99 })).rejects.toThrow(InvalidOption);
    printed.exec(migrations.sql("sqlite", { tablePrefix: "t_", direction: "down" }));
    expect(read(printed)).toEqual([]);
    for (const database of [printed, migrated]) database.close();
  });

  it("is created on first use, also after a migration that failed", async () => {
    await using backend = await openBackend({ url: urlOf("after-failure.db") });
    await expect(backend.migrate({ to: 99 })).rejects.toThrow("There is no schema version 99");
    await withBackends({ default: backend }, async () => {
      expect(await echo.enqueue("first")).toMatchObject({ status: "READY" });
    });
  });

  it("is missed by check() and by enqueue, with the command to run", async () => {
    const database = new DatabaseSync(folder.path("unmigrated.db"));
    await using backend = new DatabaseBackend({ database });
    expect(await backend.check()).toMatchObject([{ level: "error", id: "tasks.db.E001" }]);
    await withBackends({ default: backend }, async () => {
      await expect(echo.enqueue("x")).rejects.toThrow("tasks migrate");
    });
    database.close();
  });

  it("cannot be reached: BackendUnavailable names the file and keeps the cause", async () => {
    await using backend = new DatabaseBackend({ url: "sqlite:/nowhere/at/all.db" });
    await withBackends({ default: backend }, async () => {
      const error: unknown = await echo.enqueue("x").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(BackendUnavailable);
      expect(error).toMatchObject({
        message: expect.stringContaining("/nowhere/at/all.db") as unknown,
        cause: expect.any(Error) as unknown,
      });
      expect(await backend.check()).toMatchObject([{ id: "tasks.db.E003" }]);
    });
  });

  it("is warned of when leases hang on the event loop", async () => {
    const database = new BetterSqlite(folder.path("timed.db"));
    await using backend = await openBackend({ database });
    expect(await backend.check()).toMatchObject([{ level: "warning", id: "tasks.db.W001" }]);
    database.close();
  });
});

describe("a full disk", () => {
  it("is told as BackendUnavailable, stores nothing by half, and is survived", async () => {
    const database = new DatabaseSync(folder.path("full.db"));
    await using backend = await openBackend({ database });
    const { page_count } = database.prepare("pragma page_count").get() as { page_count: number };
    database.exec(`pragma max_page_count = ${page_count + 20}`);
    await withBackends({ default: backend }, async () => {
      const calls = Array.from({ length: 2000 }, (_, index): [string] => [`${index}`]);
      await expect(echo.enqueueMany(calls)).rejects.toBeInstanceOf(BackendUnavailable);
      expect(await backend.counts()).toMatchObject({ READY: 0 });
      database.exec("pragma max_page_count = 100000");
      await echo.enqueueMany(calls);
      expect(await backend.counts()).toMatchObject({ READY: 2000 });
    });
    database.close();
  });
});

describe("damaged rows", () => {
  const DAMAGE: readonly (readonly [string, string])[] = [
    ["args", "{nonsense"],
    ["args", '"no array"'],
    ["worker_ids", "{nonsense"],
    ["worker_ids", '{"a":1}'],
    ["errors", "[1, null, {}]"],
    ["errors", "{nonsense"],
    ["metadata", "[1]"],
    ["logs", "{nonsense"],
    ["progress", "{nonsense"],
  ];

  it("neither block nor harm the others", async () => {
    const path = folder.path("damaged.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    await withBackends({ default: backend }, async () => {
      const good = await echo.enqueueMany(Array.from({ length: 20 }, (_, n) => [`${n}`] as const));
      const damaged = await echo.enqueueMany(DAMAGE.map(() => ["x"] as const));
      const huge = await echo.enqueueMany(
        ["due", "fence", "enqueued_at", "max_lost"].map(() => ["x"] as const),
      );
      const raw = new DatabaseSync(path);
      DAMAGE.forEach(([column, text], index) => {
        raw
          .prepare(`update tasks_results set ${column} = ? where id = ?`)
          .run(text, damaged[index]!.id);
      });
      ["due", "fence", "enqueued_at", "max_lost"].forEach((column, index) => {
        raw.exec(
          `update tasks_results set ${column} = -9223372036854775807 where id = '${huge[index]!.id}'`,
        );
      });
      expect((await backend.list()).results).toHaveLength(20 + DAMAGE.length + 4);
      await drain(backend);
      for (const result of good) expect((await result.refresh()).status).toBe("SUCCESSFUL");
      for (const [index, [column]] of DAMAGE.entries()) {
        const result = await damaged[index]!.refresh();
        expect([column, result.status]).toEqual([
          column,
          column === "args" ? "FAILED" : "SUCCESSFUL",
        ]);
      }
      expect((await backend.list()).results).toHaveLength(20 + DAMAGE.length + 4);
      raw.close();
    });
  });

  it("of types the schema does not know are refused by the database itself", async () => {
    const path = folder.path("strict.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    await withBackends({ default: backend }, async () => {
      await echo.enqueue("x");
      const raw = new DatabaseSync(path);
      const refused = {
        "priority = 101": "CHECK constraint failed",
        "due = 'soon'": "cannot store TEXT value in INTEGER column",
        "status = 'READY'": "generated column",
        "args = x'00'": "cannot store BLOB value in TEXT column",
        "id = 'x'": "generated column",
        "id_tail = null": "CHECK constraint failed",
      };
      for (const [change, reason] of Object.entries(refused)) {
        expect(() => raw.exec(`update tasks_results set ${change}`)).toThrow(reason);
      }
      raw.close();
    });
  });

  it("with a name of another world select no code and stay where they are", async () => {
    const path = folder.path("names.db");
    await using backend = await openBackend({ url: `sqlite:${path}`, queues: [] });
    await withBackends({ default: backend }, async () => {
      const names = [
        "__proto__",
        "constructor",
        "../../etc/passwd",
        "node:child_process",
        "x'; drop table tasks_results; --",
      ];
      const results = await echo.enqueueMany(names.map((name) => [name] as const));
      const raw = new DatabaseSync(path);
      names.forEach((name, index) => {
        raw
          .prepare("update tasks_results set task_name = ?, queue_name = ? where id = ?")
          .run(name, name, results[index]!.id);
      });
      const worker = await backend.createWorker({ queueNames: ["*"], batch: true });
      await worker.run();
      expect(await backend.counts()).toMatchObject({ READY: names.length });
      expect((await backend.queues()).map(({ name }) => name).toSorted()).toEqual(names.toSorted());
      expect(problems.some(({ message }) => message.includes("constructor"))).toBe(true);
      raw.close();
    });
  });
});

describe("taskResults()", () => {
  it("builds typed queries on a Kysely of the user's", async () => {
    const database = new BetterSqlite(folder.path("helpers.db"));
    const kysely = new Kysely<{ accounts: { name: string } }>({
      dialect: new SqliteDialect({ database }),
    });
    await using backend = await openBackend({ kysely, tablePrefix: "app_" });
    await withBackends({ default: backend }, async () => {
      await echo.enqueue("x");
      await fails.enqueue();
      await drain(backend);
      await echo.enqueue("later");
      await echo.using({ runAfter: { hours: 1 } }).enqueue("scheduled");
      const results = taskResults(kysely, { tablePrefix: "app_" });
      const names = async (query: ReturnType<typeof results.all>): Promise<string[]> =>
        (await query.orderBy("seq").execute()).map(
          ({ task_name, status }) => `${task_name} ${status}`,
        );
      expect(await names(results.ready())).toEqual(["backend.echo READY"]);
      expect(await names(results.running())).toEqual([]);
      expect(await names(results.successful())).toEqual(["backend.echo SUCCESSFUL"]);
      expect(await names(results.failed().where("exception_class", "=", "Error"))).toEqual([
        "backend.fails FAILED",
      ]);
      expect(await names(results.finished())).toHaveLength(2);
      expect(await names(results.all())).toHaveLength(4);
    });
    await kysely.destroy();
  });
});

describe("close()", () => {
  it("ends what it opened, twice if need be, and refuses what comes later", async () => {
    const backend = await openBackend({ url: urlOf("closed.db") });
    await withBackends({ default: backend }, async () => {
      const enqueued = echo.enqueue("on its way");
      await backend.close();
      await enqueued;
      await backend.close();
      await expect(echo.enqueue("late")).rejects.toBeInstanceOf(BackendUnavailable);
    });
  });

  it("leaves the user's connection alone", async () => {
    const database = new DatabaseSync(folder.path("owned.db"));
    const backend = await openBackend({ database });
    await backend.close();
    expect(database.prepare("select count(*) as n from tasks_results").get()).toMatchObject({
      n: 0,
    });
    database.close();
  });
});
