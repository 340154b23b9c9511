import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { createId, InvalidTask, PayloadTooLarge, task, withBackends } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { mariadbUrl } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const pool = createPool(2);
const schema = `t_${createId()}`;
afterAll(() => pool.query(`drop schema if exists ${schema} cascade`));

const keep = task({ name: "many.keep" }, (value: unknown) => value as string);

const DATABASES = {
  SQLite: { url: "sqlite::memory:" },
  PostgreSQL: { url: postgresUrl(), schema, poolSize: 4 },
  MariaDB: { url: mariadbUrl(), tablePrefix: "many_", poolSize: 4 },
} as const satisfies Record<string, DatabaseBackendOptions>;

describe.each(Object.entries(DATABASES))("calls at the same time on %s", (_name, options) => {
  it("fail alone: for their arguments, for their size, and for what the store refuses", async () => {
    let calls = 0;
    // The store refuses the id that is already taken.
    const idFunction = (): string => (++calls % 10 === 0 ? "taken" : createId());
    const backend = new DatabaseBackend({ ...options, idFunction, maxPayloadBytes: 1000 });
    onTestFinished(async () => {
      await backend.migrate({ to: 0 });
      await backend.close();
    });
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      const values: unknown[] = Array.from({ length: 40 }, (_, index) => `value ${index}`);
      values[3] = new Date();
      values[7] = "x".repeat(2000);
      const outcomes = await Promise.allSettled(values.map((value) => keep.enqueue(value)));
      const errors = outcomes
        .filter((outcome) => outcome.status === "rejected")
        .map(({ reason }) => (reason as Error).name);
      expect(errors.toSorted()).toEqual([
        InvalidTask.name,
        InvalidTask.name,
        PayloadTooLarge.name,
        TypeError.name,
      ]);
      const stored = outcomes.filter((outcome) => outcome.status === "fulfilled");
      expect(await backend.counts()).toMatchObject({ READY: stored.length });
      for (const { value } of stored) expect(await backend.readRecord(value.id)).toBeDefined();
    });
  });

  it("store all of a large batch or none of it", async () => {
    let calls = 0;
    const idFunction = (): string => (++calls >= 1400 ? "taken" : createId());
    const backend = new DatabaseBackend({ ...options, idFunction });
    onTestFinished(async () => {
      await backend.migrate({ to: 0 });
      await backend.close();
    });
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      // Beyond a mebibyte of arguments, which are encoded as they are stored.
      const args = Array.from({ length: 1399 }, (_, index) => [`${index} ${"x".repeat(1000)}`]);
      const results = await keep.enqueueMany(args as [string][]);
      expect(results).toHaveLength(1399);
      const last = await backend.getResult(results.at(-1)!.id);
      expect(last.args).toEqual(args.at(-1));
      await expect(keep.enqueueMany([["a"], ["b"]])).rejects.toBeInstanceOf(InvalidTask);
      expect(await backend.counts()).toMatchObject({ READY: 1399 });
    });
  });
});

describe("a hundred thousand calls at once", () => {
  it("need memory for their results, not for their texts on the way", async () => {
    const script = fileURLToPath(new URL("support/enqueue-many.ts", import.meta.url));
    // The texts alone would be 200 MB.
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--max-old-space-size=256",
      script,
      "sqlite::memory:",
      "100000",
      "2000",
    ]);
    expect(stdout).toBe("100000 100000\n");
  }, 120_000);
});
