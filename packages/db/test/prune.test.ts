import { createId, task, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import type { RowDataPacket } from "mysql2/promise";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const folder = createFolder();
const pool = createPool(1);
const schema = `t_${createId()}`;
const databases = createDatabases(createMariadbPool());
afterAll(() => pool.query(`drop schema if exists ${schema} cascade`));

const fail = task({ name: "prune.fail" }, () => {
  throw new Error("It fails.");
});
const note = task({ name: "prune.note" }, (index: number) => index);

const DATABASES = {
  SQLite: () => new DatabaseBackend({ url: `sqlite:${folder.path("prune.db")}` }),
  PostgreSQL: () => new DatabaseBackend({ url: postgresUrl(), schema, poolSize: 4 }),
  MariaDB: async () => new DatabaseBackend({ url: (await databases.create()).url, poolSize: 4 }),
} as const;

describe.each(Object.entries(DATABASES))("prune on %s", (_name, open) => {
  it("lets workers claim and complete between its batches", { timeout: 120_000 }, async () => {
    const backend = await open();
    onTestFinished(() => backend.close());
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      await note.enqueueMany(Array.from({ length: 1000 }, (_, index) => [index]));
      await (await backend.createWorker({ batch: true })).run();
      const worker = await backend.createWorker();
      const running = worker.run();
      let pruned = 0;
      const pruning = backend.prune({
        minAgeMs: 0,
        batchSize: 1,
        onProgress: (deleted) => (pruned = deleted),
      });
      // It finishes after the moment from which ages are counted, so it is not among those that are deleted.
      const result = await note.enqueue(-1);
      while ((await backend.counts()).READY > 0 || (await backend.counts()).RUNNING > 0) {
        await new Promise(setImmediate);
      }
      expect(pruned).toBeLessThan(1000);
      expect(await backend.readRecord(result.id)).toMatchObject({ returnValue: -1 });
      expect(await pruning).toBe(1000);
      await worker.stop();
      await running;
    });
  });
});

describe("prune on MariaDB", () => {
  it("keeps a failure that is new, where a retry failed between the poll and the delete", async () => {
    const { name, backend } = await databases.open();
    onTestFinished(() => backend.close());
    const mariadb = createMariadbPool();
    const connection = await mariadb.getConnection();
    onTestFinished(async () => {
      // After a failure too: the lock would hold up prune() and the drop of the database.
      await connection.rollback();
      connection.release();
    });
    await withBackends({ default: backend }, async () => {
      const { id } = await fail.enqueue();
      await (await backend.createWorker({ batch: true })).run();
      // The retry: holds the row until it has failed anew.
      const table = `${name}.tasks_results`;
      await connection.beginTransaction();
      await connection.query(`select id from ${table} where id = ? for update`, [id]);
      const pruning = backend.prune({ minAgeMs: 0, failedMinAgeMs: 0 });
      // It is awaited below, unless the test fails before.
      pruning.catch(() => undefined);
      await expect
        .poll(
          async () =>
            (
              await mariadb.query<RowDataPacket[]>(
                "select * from information_schema.innodb_lock_waits",
              )
            )[0],
          // The server renews this table only when nobody has read it for 100 ms.
          { timeout: 10_000, interval: 250 },
        )
        .not.toEqual([]);
      const anew = "floor(unix_timestamp(now(3)) * 1000) + 1000";
      await connection.query(`update ${table} set finished_at = ${anew} where id = ?`, [id]);
      await connection.commit();
      expect(await pruning).toBe(0);
      expect((await backend.getResult(id)).status).toBe("FAILED");
    });
  }, 30_000);
});
