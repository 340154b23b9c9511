import { createId, InvalidTask, task, taskLog, withBackends } from "@tasks/core";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { describe, expect, it } from "vitest";

import { createDatabases, createPool } from "./support/mariadb.ts";

const pool = createPool();
const databases = createDatabases(pool);
taskLog.connect(() => undefined);

const greet = task({ name: "mysql.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "mysql.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);

describe("hostile data on MySQL", () => {
  const HOSTILE = ["'; drop table tasks_results; --", '"`\\', "%_", "😀 🏳️‍🌈", "a ", "A"];

  it("comes back as it went, as names of keys, ids, queues and arguments", async () => {
    const ids = [...HOSTILE];
    const { backend } = await databases.open({
      queues: [],
      idFunction: () => ids.shift() ?? createId(),
    });
    await withBackends({ default: backend }, async () => {
      for (const text of HOSTILE) {
        const result = await greet.enqueue(text);
        expect(result.id).toBe(text);
        expect(await backend.readRecord(text)).toMatchObject({ id: text, args: [text] });
      }
      for (const different of ["a", "A ", "% ", "%"]) {
        expect(await backend.readRecord(different)).toBeUndefined();
      }
      const [first, second] = [await once.enqueue("k"), await once.enqueue("k ")];
      expect(first.id).not.toBe(second.id);
      for (const text of HOSTILE) {
        expect(await backend.listRecords({ queueName: text })).toMatchObject({ records: [] });
      }
      expect(await backend.counts()).toMatchObject({ READY: HOSTILE.length + 2 });
    });
    await backend.close();
  });

  it("is the same through a server that takes backslashes and quotes for something else", async () => {
    const { url, backend } = await databases.open();
    const connection = await createConnection(url);
    await connection.query("set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'");
    await withBackends({ default: backend }, async () => {
      await connection.beginTransaction();
      const many = await greet
        .using({ transaction: connection })
        .enqueueMany(HOSTILE.map((text) => [text]));
      await connection.commit();
      for (const [index, { id }] of many.entries()) {
        expect(await backend.readRecord(id)).toMatchObject({ args: [HOSTILE[index]] });
      }
    });
    await connection.end();
    await backend.close();
  });

  it("never passes for an id that is taken", async () => {
    const { backend } = await databases.open({ idFunction: () => "always-the-same" });
    await withBackends({ default: backend }, async () => {
      await greet.enqueue("first");
      await expect(greet.enqueue("second")).rejects.toBeInstanceOf(InvalidTask);
      await expect(once.enqueue("third")).rejects.toThrow("'always-the-same' is taken");
      expect(await backend.counts()).toMatchObject({ READY: 1 });
    });
    await backend.close();
  });

  it("stores an error with ten megabytes of text and U+0000, cut and clean", async () => {
    const failing = task({ name: "mysql.failing" }, () => {
      throw new Error(`\0${"😀".repeat(2_500_000)}\ud800`);
    });
    const { backend } = await databases.open();
    await withBackends({ default: backend }, async () => {
      const result = await failing.enqueue();
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      await result.refresh();
      expect(result.status).toBe("FAILED");
      expect(result.errors[0]!.message).not.toContain("\0");
      expect(result.errors[0]!.message.length).toBeLessThan(1_000_000);
    });
    await backend.close();
  }, 20_000);

  it("is refused with both sizes when it is larger than a packet of the server", async () => {
    const { backend } = await databases.open({ maxPayloadBytes: 100_000_000 });
    await withBackends({ default: backend }, async () => {
      const [rows] = await pool.query<RowDataPacket[]>("select @@max_allowed_packet as value");
      const value = Number(rows[0]!["value"]);
      const large = greet.enqueue("x".repeat(value));
      await expect(large).rejects.toBeInstanceOf(InvalidTask);
      await expect(large).rejects.toThrow(`${value} bytes, its max_allowed_packet`);
      // What fits is stored, many times as well.
      const fitting = await greet.enqueueMany(
        Array.from({ length: 6 }, () => ["y".repeat(value / 3)] as const),
      );
      expect(fitting).toHaveLength(6);
    });
    await backend.close();
  }, 20_000);

  it("in damaged rows harms nobody else", async () => {
    const { name, backend } = await databases.open();
    await withBackends({ default: backend }, async () => {
      const [args, workers, unknown, phase, good] = await greet.enqueueMany([
        ["a"],
        ["b"],
        ["c"],
        ["d"],
        ["e"],
      ]);
      const damage = (id: string, change: string): Promise<unknown> =>
        pool.query(`update ${name}.tasks_results set ${change} where id = ?`, [id]);
      await damage(args!.id, "args = '{\"broken'");
      await damage(workers!.id, "worker_ids = 'nonsense', errors = '7', logs = '{', metadata = ''");
      await damage(unknown!.id, "task_name = '../../etc/x,mysql.greet'");
      await damage(phase!.id, "phase = 77");
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      await good!.refresh();
      expect(good!.returnValue).toBe("Hello, e!");
      await workers!.refresh();
      expect(workers!.returnValue).toBe("Hello, b!");
      await args!.refresh();
      expect(args!.status).toBe("FAILED");
      expect(await backend.readRecord(unknown!.id)).toMatchObject({ status: "READY" });
      expect(await backend.readRecord(phase!.id)).toBeDefined();
    });
    await backend.close();
  });
});
