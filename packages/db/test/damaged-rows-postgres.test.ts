import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it, onTestFinished } from "vitest";

import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const pool = createPool(2);
const echo = task({ name: "damaged.echo" }, (text: string) => text);

/** What somebody may do to a row, as SQL, and whether the task can still run. */
const DAMAGE: readonly (readonly [change: string, runs: boolean])[] = [
  ["args = '{nonsense'", false],
  [`args = '"no array"'`, false],
  ["args = repeat('[', 100000)", false],
  ["worker_ids = '{nonsense'", true],
  [`worker_ids = '{"a":1}'`, true],
  ["errors = '[1, null, {}]'", true],
  ["errors = '{nonsense'", true],
  ["metadata = '[1]'", true],
  ["logs = '{nonsense'", true],
  ["progress = '{nonsense'", true],
  ["due = -9223372036854775807", true],
  ["enqueued_at = -9223372036854775807", true],
  ["enqueued_at = 9223372036854775807", true],
  ["run_after = 9223372036854775807", true],
  ["started_at = -9223372036854775807", true],
  ["unique_key = repeat('x', 2000)", true],
  ["session_id = 'nobody'", true],
];

async function open(): Promise<{ readonly backend: DatabaseBackend; readonly table: string }> {
  const schema = `t_${createId()}`;
  const backend = new DatabaseBackend({ url: postgresUrl(), schema, poolSize: 3, leaseMs: 1000 });
  await backend.migrate();
  onTestFinished(async () => {
    await backend.close();
    await pool.query(`drop schema ${schema} cascade`);
  });
  return { backend, table: `${schema}.tasks_results` };
}

async function drain(backend: DatabaseBackend): Promise<void> {
  const worker = await backend.createWorker({ batch: true, intervalMs: 10 });
  await worker.run();
}

describe("damaged rows on PostgreSQL", () => {
  it("neither block nor harm the others, waiting or lost", async () => {
    const { backend, table } = await open();
    await withBackends({ default: backend }, async () => {
      const good = await echo.enqueueMany(Array.from({ length: 20 }, (_, n) => [`${n}`] as const));
      const damaged = await echo.enqueueMany(DAMAGE.map(() => ["x"] as const));
      for (const [index, [change]] of DAMAGE.entries()) {
        await pool.query(`update ${table} set ${change} where id = $1`, [damaged[index]!.id]);
      }
      const total = 20 + DAMAGE.length;
      expect((await backend.list({ limit: 100 })).results).toHaveLength(total);
      // As a worker that vanished in the middle of all of them would leave them.
      await pool.query(
        `update ${table} set phase = 3, fence = 1, session_id = coalesce(session_id, 'gone')`,
      );
      const worker = await backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      for (const result of good) await result.wait({ timeoutMs: 8000 });
      await worker.stop();
      await running;
      await drain(backend);
      for (const [index, [change, runs]] of DAMAGE.entries()) {
        const { status } = await damaged[index]!.refresh();
        expect([change, status]).toEqual([change, runs ? "SUCCESSFUL" : "FAILED"]);
      }
      expect((await backend.list({ limit: 100 })).results).toHaveLength(total);
    });
  }, 30_000);

  it("in a state that this version does not know are left alone", async () => {
    const { backend, table } = await open();
    await withBackends({ default: backend }, async () => {
      const [strange, usual] = await echo.enqueueMany([["strange"], ["usual"]]);
      await pool.query(`update ${table} set phase = 9 where id = $1`, [strange!.id]);
      await drain(backend);
      expect((await usual!.refresh()).status).toBe("SUCCESSFUL");
      expect((await strange!.refresh()).attempts).toBe(0);
      expect((await backend.list()).results).toHaveLength(2);
    });
  });

  it("of values that no row can have are refused by the database itself", async () => {
    const { backend, table } = await open();
    await withBackends({ default: backend }, async () => {
      await echo.enqueue("x");
      const refused = {
        "priority = 101": "violates check constraint",
        "fence = 2147483647": "violates check constraint",
        "failures = -1": "violates check constraint",
        "lost = 2147483647": "violates check constraint",
        "due = 'soon'": "invalid input syntax",
        "args = e'\\000'": "invalid byte sequence",
        "args = null": "violates not-null constraint",
      };
      for (const [change, reason] of Object.entries(refused)) {
        await expect(pool.query(`update ${table} set ${change}`)).rejects.toThrow(reason);
      }
    });
  });
});
