import { DatabaseSync } from "node:sqlite";

import { createId, task, withBackends, type TaskResult } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { expect, it } from "vitest";

const echo = task({ name: "ids.echo" }, (value: number) => value);
const once = task(
  { name: "ids.once", unique: { scope: "until-finished" } },
  (value: number) => value,
);
const urgent = echo.using({ priority: 10 });

function create(idFunction?: () => string): {
  readonly backend: DatabaseBackend;
  readonly database: DatabaseSync;
} {
  const database = new DatabaseSync(":memory:");
  return { database, backend: new DatabaseBackend({ database, idFunction }) };
}

async function useBackend(
  work: (backend: DatabaseBackend, database: DatabaseSync) => Promise<void>,
  idFunction?: () => string,
): Promise<void> {
  const { backend, database } = create(idFunction);
  await backend.migrate();
  await withBackends({ default: backend }, () => work(backend, database));
  await backend.close();
  database.close();
}

function idsOf(results: readonly TaskResult[]): string[] {
  return results.map(({ id }) => id);
}

it("sort by enqueue order, however tasks are enqueued", () =>
  useBackend(async () => {
    const results = [
      await echo.enqueue(0),
      ...(await echo.enqueueMany(Array.from({ length: 223 }, (_, index) => [index]))),
      ...(await Promise.all([echo.enqueue(1), urgent.enqueue(2), urgent.enqueue(3)])),
      await once.enqueue(4),
    ];
    expect(idsOf(results)).toEqual(idsOf(results).toSorted());
    expect(new Set(idsOf(results)).size).toBe(results.length);
    for (const result of results) {
      expect(result.id).toMatch(/^[0-9a-f]{32}$/);
      const { args } = result;
      expect((await result.refresh()).args).toEqual(args);
    }
  }));

it("begin with the number of their row, for people who want SQL", () =>
  useBackend(async (_backend, database) => {
    const { id } = await echo.enqueue(7);
    const found = database
      .prepare(`select id, args from tasks_results where seq = 0x${id.slice(0, 12)}`)
      .get();
    expect({ ...found }).toEqual({ id, args: "[7]" });
  }));

it("are never given twice, although the number of a deleted row is", () =>
  useBackend(async (backend) => {
    const first = await echo.enqueue(1);
    await backend.delete(first.id);
    const second = await echo.enqueue(2);
    expect(second.id.slice(0, 12)).toBe(first.id.slice(0, 12));
    await expect(first.refresh()).rejects.toThrow(first.id);
    expect(await backend.readRecord(first.id)).toBeUndefined();
  }));

it("of the user's making stay as they are, whatever they look like", () => {
  const given = ["order-7", createId(), `${"0".repeat(11)}2${"a".repeat(20)}`, "ю".repeat(32)];
  const ids = [...given];
  return useBackend(
    async (backend) => {
      const results = await echo.enqueueMany([[0], [1], [2], [3]]);
      expect(idsOf(results)).toEqual(given);
      for (const [index, id] of given.entries()) {
        expect((await echo.getResult(id)).args).toEqual([index]);
      }
      await backend.runTask(given[2]!);
      expect((await echo.getResult(given[2]!)).returnValue).toBe(2);
      expect(await backend.cancel(given[0]!)).toBe(true);
      expect((await echo.getResult(given[0]!)).state).toBe("cancelled");
    },
    () => ids.shift()!,
  );
});

it("of both kinds are found in one table", () =>
  useBackend(async (backend, database) => {
    const own = await echo.enqueue(1);
    const named = new DatabaseBackend({ database, idFunction: () => "named" });
    await withBackends({ default: named }, async () => {
      await echo.enqueue(2);
    });
    expect((await echo.getResult("named")).args).toEqual([2]);
    expect((await own.refresh()).args).toEqual([1]);
    expect(await backend.readRecord("f".repeat(32))).toBeUndefined();
  }));
