import { createId, task, taskLog, withBackends } from "@tasks/core";
import { createPool as createCallbackPool } from "mysql2";
import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";

import { deferred } from "../src/deferred.ts";
import { openDatabase } from "../src/open-database.ts";
import { createDatabases, createPool } from "./support/mariadb.ts";

const pool = createPool();
const databases = createDatabases(pool);
taskLog.connect(() => undefined);

const greet = task({ name: "mysql.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "mysql.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);

describe("a transaction of mysql2", () => {
  it("takes the task along: unseen until the commit, gone with a rollback, of the whole or to a savepoint", async () => {
    const { url, backend } = await databases.open();
    const connection = await createConnection(url);
    await withBackends({ default: backend }, async () => {
      await connection.beginTransaction();
      const kept = await greet.using({ transaction: connection }).enqueue("kept");
      expect(await backend.readRecord(kept.id)).toBeUndefined();
      await connection.query("savepoint inner_part");
      const dropped = await greet.using({ transaction: connection }).enqueueMany([["a"], ["b"]]);
      await connection.query("rollback to inner_part");
      const twin = await once.using({ transaction: connection }).enqueue("x");
      const again = await once.using({ transaction: connection }).enqueue("x");
      await connection.commit();
      expect(again).toMatchObject({ id: twin.id, deduplicated: true });
      expect(await backend.readRecord(kept.id)).toMatchObject({ args: ["kept"] });
      for (const { id } of dropped) expect(await backend.readRecord(id)).toBeUndefined();
      await connection.beginTransaction();
      const gone = await greet.using({ transaction: connection }).enqueue("gone");
      await connection.rollback();
      expect(await backend.readRecord(gone.id)).toBeUndefined();
    });
    await connection.end();
    await backend.close();
  });

  it("may be of the interface with callbacks", async () => {
    const { url, backend } = await databases.open();
    const callbacks = createCallbackPool(url);
    const connection = await callbacks.promise().getConnection();
    await withBackends({ default: backend }, async () => {
      await connection.beginTransaction();
      const transaction = connection.connection;
      const result = await greet.using({ transaction }).enqueue("Ada");
      expect(await backend.readRecord(result.id)).toBeUndefined();
      await connection.commit();
      expect(await backend.readRecord(result.id)).toBeDefined();
    });
    connection.release();
    await callbacks.promise().end();
    await backend.close();
  });

  it("sees a unique task that others stored after its first look, whatever its isolation level", async () => {
    const { url, backend } = await databases.open();
    const connection = await createConnection(url);
    await withBackends({ default: backend }, async () => {
      await connection.query("set transaction isolation level repeatable read");
      await connection.beginTransaction();
      await connection.query("select count(*) from tasks_results");
      const first = await once.enqueue("x");
      const second = await once.using({ transaction: connection }).enqueue("x");
      await connection.commit();
      expect(second).toMatchObject({ id: first.id, deduplicated: true });
    });
    await connection.end();
    await backend.close();
  });

  it("is refused when it is a pool or no transaction at all", async () => {
    const { url, backend } = await databases.open();
    const connection = await createConnection(url);
    await withBackends({ default: backend }, async () => {
      const enqueueIn = (transaction: unknown): Promise<unknown> =>
        greet.using({ transaction }).enqueue("Ada");
      await expect(enqueueIn(pool)).rejects.toThrow("is a pool");
      await expect(enqueueIn(pool.pool)).rejects.toThrow("is a pool");
      await expect(enqueueIn(connection)).rejects.toThrow("without an open transaction");
      expect(await backend.counts()).toMatchObject({ READY: 0 });
    });
    await connection.end();
    await backend.close();
  });

  it("may be anything that executes statements", async () => {
    const { url, backend } = await databases.open();
    const connection = await createConnection(url);
    type Params = readonly (string | number | null)[];
    const rowsOnly = {
      execute: async (sql: string, params: Params) => {
        const [rows] = await connection.query(sql, [...params]);
        return Array.isArray(rows) ? rows : [];
      },
    };
    const pairs = {
      execute: (sql: string, params: Params) =>
        connection.execute(sql, [...params]) as Promise<unknown[]>,
    };
    await withBackends({ default: backend }, async () => {
      for (const transaction of [rowsOnly, pairs]) {
        await connection.beginTransaction();
        const key = createId();
        const many = await greet.using({ transaction }).enqueueMany([["a"], ["b"]]);
        const twin = await once.using({ transaction }).enqueue(key);
        const again = await once.using({ transaction }).enqueue(key);
        await connection.commit();
        expect(again).toMatchObject({ id: twin.id, deduplicated: true });
        for (const { id } of [...many, twin]) expect(await backend.readRecord(id)).toBeDefined();
      }
    });
    await connection.end();
    await backend.close();
  });
});

describe("transactions that meet others", () => {
  it("are run again after a deadlock", async () => {
    const { url, backend } = await databases.open();
    const other = await createConnection(url);
    const connection = await openDatabase({ url }, { poolSize: 2 }).connect();
    const write = "update tasks_migrations set name = ? where version = ?";
    await connection.run("insert into tasks_migrations select seq, '', 0 from seq_100_to_400", []);
    // Of two transactions in a deadlock the one with fewer changes is ended.
    await other.beginTransaction();
    await other.query(
      "update tasks_migrations set name = 'other' where version between 200 and 400",
    );
    const { promise: hasFirst, resolve: noteFirst } = deferred();
    let tries = 0;
    const ours = connection.transaction(async (executor) => {
      tries++;
      await executor.run(write, ["ours", 100]);
      noteFirst();
      return executor.run(write, ["ours", 200]);
    });
    await hasFirst;
    await other.query("update tasks_migrations set name = 'other' where version = 100");
    await other.commit();
    expect(await ours).toBe(1);
    expect(tries).toBe(2);
    const [rows] = await other.query(
      "select distinct name from tasks_migrations where version in (100, 200)",
    );
    expect(rows).toEqual([{ name: "ours" }]);
    await connection.close();
    await other.end();
    await backend.close();
  }, 20_000);
});
