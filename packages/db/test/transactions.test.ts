import { DatabaseSync } from "node:sqlite";

import { configureTasks, createId, InvalidTask, task, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import { CamelCasePlugin, Kysely, SqliteDialect } from "kysely";
import Libsql from "libsql";
import { describe, expect, it, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";

const folder = createFolder();
const greet = task({ name: "transactions.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  {
    name: "transactions.once",
    unique: { scope: "until-finished", onConflict: "return-existing" },
  },
  (name: string) => name,
);

/** Handles whose transactions are `begin` and `commit` by hand. */
const HANDLES = {
  "node:sqlite": (path: string) => new DatabaseSync(path),
  "better-sqlite3": (path: string) => new BetterSqlite(path),
  libsql: (path: string) => new Libsql(path),
} as const;

describe.each(Object.entries(HANDLES))("a transaction of %s", (library, open) => {
  async function setUp(): Promise<{
    readonly path: string;
    readonly handle: ReturnType<typeof open>;
    readonly backend: DatabaseBackend;
  }> {
    const path = folder.path(`${library.replace(":", "-")}-${createId()}.db`);
    const handle = open(path);
    handle.exec("pragma journal_mode = wal");
    return { path, handle, backend: await openBackend({ database: handle }) };
  }

  it("takes the task along: unseen until the commit, there after it", async () => {
    const { path, handle, backend } = await setUp();
    const other = new DatabaseBackend({ database: open(path) });
    await withBackends({ default: backend }, async () => {
      handle.exec("begin");
      const result = await greet.using({ transaction: handle }).enqueue("Ada");
      expect(result.status).toBe("READY");
      expect(await other.readRecord(result.id)).toBeUndefined();
      handle.exec("commit");
      expect(await other.readRecord(result.id)).toMatchObject({ args: ["Ada"] });
    });
  });

  it("leaves nothing behind a rollback, of the whole or to a savepoint", async () => {
    const { handle, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      handle.exec("begin");
      const kept = await greet.using({ transaction: handle }).enqueue("kept");
      handle.exec("savepoint inner_part");
      const dropped = await greet.using({ transaction: handle }).enqueue("dropped");
      handle.exec("rollback to inner_part");
      handle.exec("commit");
      handle.exec("begin");
      const gone = await greet.using({ transaction: handle }).enqueueMany([["a"], ["b"]]);
      handle.exec("rollback");
      expect(await backend.readRecord(kept.id)).toBeDefined();
      for (const { id } of [dropped, ...gone]) {
        expect(await backend.readRecord(id)).toBeUndefined();
      }
    });
  });

  it("does not swallow what is enqueued beside it", async () => {
    const { handle, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      handle.exec("begin immediate");
      const beside = greet.enqueue("beside");
      await greet.using({ transaction: handle }).enqueue("inside");
      handle.exec("rollback");
      const result = await beside;
      const { results } = await backend.list();
      expect(results.map(({ id }) => id)).toEqual([result.id]);
    });
  });

  it("deduplicates within it", async () => {
    const { handle, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      handle.exec("begin");
      const [first, second] = await once.using({ transaction: handle }).enqueueMany([["x"], ["x"]]);
      handle.exec("commit");
      expect(second).toMatchObject({ id: first!.id, deduplicated: true });
      expect(await backend.counts()).toMatchObject({ READY: 1 });
    });
  });

  it("wakes a worker with its commit", async () => {
    const { handle, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      const worker = await backend.createWorker({ intervalMs: 60_000 });
      const running = worker.run();
      await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), {
        timeout: 20_000,
      });
      handle.exec("begin");
      const result = await greet.using({ transaction: handle }).enqueue("Ada");
      handle.exec("commit");
      await result.wait({ timeoutMs: 5_000 });
      expect(result.returnValue).toBe("Hello, Ada!");
      await worker.stop();
      await running;
    });
  });
});

describe("a transaction of Kysely", () => {
  interface Accounts {
    accounts: { name: string };
  }

  async function setUp(): Promise<{
    readonly kysely: Kysely<Accounts>;
    readonly backend: DatabaseBackend;
  }> {
    const database = new BetterSqlite(folder.path(`kysely-${createId()}.db`), { timeout: 10 });
    const kysely = new Kysely<Accounts>({
      dialect: new SqliteDialect({ database }),
      plugins: [new CamelCasePlugin()],
    });
    await kysely.schema.createTable("accounts").addColumn("name", "text").execute();
    return { kysely, backend: await openBackend({ kysely }) };
  }

  it("commits rows and tasks together, past plugins that rename columns", async () => {
    const { kysely, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      const result = await kysely.transaction().execute(async (transaction) => {
        await transaction.insertInto("accounts").values({ name: "Ada" }).execute();
        return greet.using({ transaction }).enqueue("Ada");
      });
      expect((await backend.getResult(result.id)).taskName).toBe("transactions.greet");
    });
  });

  it("rolls both back together", async () => {
    const { kysely, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      const failing = kysely.transaction().execute(async (transaction) => {
        await transaction.insertInto("accounts").values({ name: "Ada" }).execute();
        await greet.using({ transaction }).enqueue("Ada");
        throw new Error("changed my mind");
      });
      await expect(failing).rejects.toThrow("changed my mind");
      expect(await backend.counts()).toMatchObject({ READY: 0 });
      expect(await kysely.selectFrom("accounts").selectAll().execute()).toEqual([]);
    });
  });

  it("may be a controlled one with savepoints", async () => {
    const { kysely, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      const transaction = await kysely.startTransaction().execute();
      const kept = await greet.using({ transaction }).enqueue("kept");
      const inner = await transaction.savepoint("inner_part").execute();
      const dropped = await greet.using({ transaction: inner }).enqueue("dropped");
      await inner.rollbackToSavepoint("inner_part").execute();
      await transaction.commit().execute();
      expect(await backend.readRecord(kept.id)).toBeDefined();
      expect(await backend.readRecord(dropped.id)).toBeUndefined();
    });
  });

  it("is refused when it is none", async () => {
    const { kysely, backend } = await setUp();
    await withBackends({ default: backend }, async () => {
      await expect(greet.using({ transaction: kysely }).enqueue("Ada")).rejects.toThrow(
        "Kysely instance without a transaction",
      );
      await expect(greet.using({ transaction: 42 }).enqueue("Ada")).rejects.toBeInstanceOf(
        InvalidTask,
      );
    });
  });
});

describe("a transaction beside a backend by url", () => {
  it("may be on a connection of node:sqlite to the same file", async () => {
    const path = folder.path("beside.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    configureTasks({ backends: { default: backend } });
    const handle = new DatabaseSync(path);
    handle.exec("begin");
    const result = await greet.using({ transaction: handle }).enqueue("Ada");
    expect(await backend.readRecord(result.id)).toBeUndefined();
    handle.exec("commit");
    expect(await backend.readRecord(result.id)).toBeDefined();
    handle.close();
  });

  it("may be a function that runs statements", async () => {
    const path = folder.path("raw.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    const handle = new DatabaseSync(path);
    const transaction = {
      execute: (sql: string, params: readonly (string | number | null)[]) => ({
        rows: handle.prepare(sql).all(...params),
      }),
    };
    await withBackends({ default: backend }, async () => {
      handle.exec("begin");
      const result = await once.using({ transaction }).enqueue("raw");
      const again = await once.using({ transaction }).enqueue("raw");
      expect(again).toMatchObject({ id: result.id, deduplicated: true });
      const many = await greet.using({ transaction }).enqueueMany([["a"], ["b"]]);
      handle.exec("commit");
      for (const { id } of [result, ...many]) expect(await backend.readRecord(id)).toBeDefined();
    });
    handle.close();
  });

  it("is refused when another SQLite library would overwrite commits, or another file would get the task", async () => {
    const path = folder.path("foreign.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    const foreign = new BetterSqlite(path);
    const elsewhere = new DatabaseSync(folder.path("elsewhere.db"));
    await withBackends({ default: backend }, async () => {
      await expect(greet.using({ transaction: foreign }).enqueue("Ada")).rejects.toThrow(
        "another SQLite library",
      );
      await expect(greet.using({ transaction: elsewhere }).enqueue("Ada")).rejects.toThrow(
        "another database",
      );
      expect(await backend.counts()).toMatchObject({ READY: 0 });
    });
    foreign.close();
    elsewhere.close();
  });

  it("is told what to do when it locks a database that has no tables yet, and works after that", async () => {
    const path = folder.path(`untouched-${createId()}.db`);
    const handle = new DatabaseSync(path);
    handle.exec("pragma journal_mode = wal");
    await using backend = new DatabaseBackend({ url: `sqlite:${path}` });
    await withBackends({ default: backend }, async () => {
      handle.exec("begin immediate");
      await expect(greet.using({ transaction: handle }).enqueue("Ada")).rejects.toThrow(
        "Call `await backend.migrate()` once before the first transaction",
      );
      handle.exec("rollback");
      await backend.migrate();
      handle.exec("begin immediate");
      const result = await greet.using({ transaction: handle }).enqueue("Ada");
      handle.exec("commit");
      expect(await backend.readRecord(result.id)).toMatchObject({ args: ["Ada"] });
    });
    handle.close();
  });

  it("waits for the write lock when it began as a reader", async () => {
    const path = folder.path("deferred.db");
    await using backend = await openBackend({ url: `sqlite:${path}` });
    const caller = new DatabaseSync(path, { timeout: 1 });
    const writer = new DatabaseSync(path);
    await withBackends({ default: backend }, async () => {
      writer.exec("begin immediate");
      caller.exec("begin");
      const enqueued = greet.using({ transaction: caller }).enqueue("patient");
      await new Promise((resolve) => setTimeout(resolve, 50));
      writer.exec("commit");
      const result = await enqueued;
      caller.exec("commit");
      expect(await backend.readRecord(result.id)).toBeDefined();
    });
    caller.close();
    writer.close();
  });
});
