import { createId, task, taskLog, withBackends, type TaskResult } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { expect, it, onTestFinished } from "vitest";

import { createPool, inPgTransaction, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const pool = createPool(4);
const echo = task({ name: "ids-postgres.echo" }, (value: number) => value);
const once = task(
  { name: "ids-postgres.once", unique: { scope: "until-finished" } },
  (value: number) => value,
);
const report = task(
  { name: "ids-postgres.report", takesContext: true },
  async (context, value: number) => {
    await context.setProgress(value);
    return value;
  },
);

interface Stage {
  readonly schema: string;
  readonly backend: DatabaseBackend;
}

async function open(idFunction?: () => string, of?: Stage): Promise<Stage> {
  const schema = of?.schema ?? `t_${createId()}`;
  const backend = new DatabaseBackend({ url: postgresUrl(), schema, poolSize: 3, idFunction });
  await backend.migrate();
  onTestFinished(async () => {
    await backend.close();
    await pool.query(`drop schema if exists ${schema} cascade`);
  });
  return { schema, backend };
}

async function expectOwn(results: readonly TaskResult<number>[]): Promise<void> {
  for (const result of results) {
    const { args } = result;
    expect((await result.refresh()).args).toEqual(args);
  }
}

const numbers = (count: number): [number][] => Array.from({ length: count }, (_, n) => [n]);

it("sort by enqueue order and name their row, however tasks are enqueued", async () => {
  const { schema, backend } = await open();
  await withBackends({ default: backend }, async () => {
    const results = [
      await echo.enqueue(-1),
      ...(await echo.enqueueMany(numbers(150))),
      ...(await Promise.all([echo.enqueue(0), echo.using({ priority: 9 }).enqueue(1)])),
      await once.enqueue(-2),
      ...(await inPgTransaction(pool, (transaction) =>
        echo.using({ transaction }).enqueueMany(numbers(3)),
      )),
    ];
    const ids = results.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    await expectOwn(results);
    const { rows } = await pool.query<{ id: string }>(
      `select id from ${schema}.tasks_results where seq = ('x' || left($1, 12))::bit(48)::bigint`,
      [ids[7]],
    );
    expect(rows).toEqual([{ id: ids[7] }]);
  });
});

it("belong to their arguments, whoever else stores tasks at the same moment", async () => {
  const stage = await open();
  const other = await open(undefined, stage);
  const enqueue = ({ backend }: Stage): Promise<TaskResult<number>[][]> =>
    withBackends({ default: backend }, () =>
      Promise.all(Array.from({ length: 5 }, () => echo.enqueueMany(numbers(40)))),
    );
  const batches = (await Promise.all([enqueue(stage), enqueue(other)])).flat();
  expect(new Set(batches.flat().map(({ id }) => id)).size).toBe(400);
  for (const batch of batches) {
    const ids = batch.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    await expectOwn(batch);
  }
});

it("are not found by their number alone", async () => {
  const { backend } = await open();
  await withBackends({ default: backend }, async () => {
    const { id } = await echo.enqueue(1);
    const other = id.slice(0, 12) + createId().slice(12);
    expect(await backend.readRecord(other)).toBeUndefined();
    await expect(backend.cancel(other)).rejects.toThrow(other);
  });
});

it("of the user's making stay as they are, whatever they look like, and are given once", async () => {
  const given = ["order-7", createId(), `${"0".repeat(11)}2${"a".repeat(20)}`, "ю".repeat(32)];
  let next = 0;
  const stage = await open(() => given[next++ % given.length]!);
  await withBackends({ default: stage.backend }, async () => {
    const results = await report.enqueueMany(numbers(4));
    expect(results.map(({ id }) => id)).toEqual(given);
    await expectOwn(results);
    await expect(echo.enqueue(4)).rejects.toMatchObject({ code: "TASKS_INVALID_TASK" });
    expect(await results[0]!.cancel()).toBe(true);
    await stage.backend.runTask(given[1]!);
    const worker = await stage.backend.createWorker({ batch: true });
    await worker.run();
    for (const result of results) await result.refresh();
    expect(results.map(({ state }) => state)).toEqual([
      "cancelled",
      "successful",
      "successful",
      "successful",
    ]);
    expect(results.map(({ progress }) => progress)).toEqual([null, 1, 2, 3]);
    expect(await stage.backend.delete(given[2]!)).toBe(true);
    expect(await stage.backend.readRecord(given[2]!)).toBeUndefined();
  });
});

it("of both kinds are found in one table", async () => {
  const stage = await open();
  const named = await open(() => `${"0".repeat(11)}1${"f".repeat(20)}`, stage);
  const own = await withBackends({ default: stage.backend }, () => echo.enqueue(1));
  const given = await withBackends({ default: named.backend }, () => echo.enqueue(2));
  expect(own.id.slice(0, 12)).toBe(given.id.slice(0, 12));
  expect((await stage.backend.readRecord(own.id))?.args).toEqual([1]);
  expect((await stage.backend.readRecord(given.id))?.args).toEqual([2]);
});
