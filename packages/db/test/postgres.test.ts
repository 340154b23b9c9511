import { configureTasks, createId, InvalidTask, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend, migrations, type DatabaseBackendOptions } from "@tasks/db";
import { CamelCasePlugin, Kysely, PostgresDialect } from "kysely";
import type { PoolClient } from "pg";
import { afterAll, describe, expect, it, onTestFinished, vi } from "vitest";

import { pgExecutor } from "../src/connections/pg-client.ts";
import { postgresInsertStatements } from "../src/dialects/postgres-insert-statements.ts";
import { postgresStatements } from "../src/dialects/postgres-statements.ts";
import { PostgresDialect as TasksDialect } from "../src/dialects/postgres.ts";
import { tableNames } from "../src/tables.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";
import { start } from "./support/processes.ts";

const url = postgresUrl();
const pool = createPool(10);
const schemas: string[] = [];
taskLog.connect(() => undefined);

const greet = task({ name: "postgres.greet" }, (name: string) => `Hello, ${name}!`);
const once = task(
  { name: "postgres.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);

/** A schema of the test's own, dropped after the file. */
function newSchema(): string {
  const schema = `t_${createId()}`;
  schemas.push(schema);
  return schema;
}

async function open(options: Partial<DatabaseBackendOptions> = {}): Promise<{
  readonly schema: string;
  readonly backend: DatabaseBackend;
}> {
  const { schema = newSchema(), ...rest } = options;
  const source = rest.database ?? rest.kysely;
  const backend = new DatabaseBackend({
    ...(source === undefined ? { url, poolSize: 4 } : {}),
    schema,
    ...rest,
  });
  await backend.migrate();
  return { schema, backend };
}

afterAll(async () => {
  for (const schema of schemas) await pool.query(`drop schema if exists ${schema} cascade`);
});

describe("migrations on PostgreSQL", () => {
  it("run once when ten processes start together", async () => {
    const schema = newSchema();
    await pool.query(`create schema ${schema}`);
    const own = new URL(url);
    own.searchParams.set("options", `-c search_path=${schema}`);
    const children = Array.from({ length: 10 }, () => start({ job: "migrate", url: own.href }));
    const steps = await Promise.all(children.map((child) => child.next()));
    const codes = await Promise.all(children.map(({ ended }) => ended));
    expect(codes).toEqual(Array.from({ length: 10 }, () => 0));
    expect(steps.flat()).toEqual(["1 initial"]);
  }, 60_000);

  it("go up and down, and leave the schema to its owner", async () => {
    const { schema, backend } = await open();
    expect(await backend.migrate()).toEqual([]);
    expect(await backend.migrate({ to: 0 })).toEqual(["1 initial"]);
    const left = await pool.query("select to_regnamespace($1) is not null as is_left", [schema]);
    expect(left.rows).toEqual([{ is_left: true }]);
    expect(await backend.migrate()).toEqual(["1 initial"]);
    await backend.close();
  });

  it("are never run by themselves; check() and errors say what to run", async () => {
    await using backend = new DatabaseBackend({ url, schema: newSchema() });
    await withBackends({ default: backend }, async () => {
      for (const enqueue of [
        () => greet.enqueue("Ada"),
        () => once.enqueue("Ada"),
        () => greet.enqueueMany([["Ada"], ["Grace"]]),
      ]) {
        await expect(enqueue()).rejects.toMatchObject({
          code: "TASKS_BACKEND_UNAVAILABLE",
          message: expect.stringContaining("tasks migrate") as string,
        });
      }
    });
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E001" }]);
  });

  it("can be printed and applied by hand", async () => {
    const schema = newSchema();
    await pool.query(migrations.sql("postgres", { schema, tablePrefix: "Mixed_" }));
    await using backend = new DatabaseBackend({ url, schema, tablePrefix: "Mixed_" });
    expect(await backend.check()).toEqual([]);
    expect(await backend.migrate()).toEqual([]);
    await pool.query(
      migrations.sql("postgres", { schema, tablePrefix: "Mixed_", direction: "down" }),
    );
    expect(await backend.check()).toMatchObject([{ id: "tasks.db.E001" }]);
  });
});

describe("a transaction of pg", () => {
  it("takes the task along: unseen until the commit, gone with a rollback, of the whole or to a savepoint", async () => {
    const { backend } = await open();
    const client = await pool.connect();
    await withBackends({ default: backend }, async () => {
      await client.query("begin");
      const kept = await greet.using({ transaction: client }).enqueue("kept");
      expect(await backend.readRecord(kept.id)).toBeUndefined();
      await client.query("savepoint inner_part");
      const dropped = await greet.using({ transaction: client }).enqueueMany([["a"], ["b"]]);
      await client.query("rollback to inner_part");
      const twin = await once.using({ transaction: client }).enqueue("x");
      const again = await once.using({ transaction: client }).enqueue("x");
      await client.query("commit");
      expect(again).toMatchObject({ id: twin.id, deduplicated: true });
      expect(await backend.readRecord(kept.id)).toMatchObject({ args: ["kept"] });
      for (const { id } of dropped) expect(await backend.readRecord(id)).toBeUndefined();
      await client.query("begin");
      const gone = await greet.using({ transaction: client }).enqueue("gone");
      await client.query("rollback");
      expect(await backend.readRecord(gone.id)).toBeUndefined();
    });
    client.release();
    await backend.close();
  });

  it("wakes a worker with its commit", async () => {
    const { backend } = await open();
    const client = await pool.connect();
    await withBackends({ default: backend }, async () => {
      const worker = await backend.createWorker({ intervalMs: 60_000 });
      const running = worker.run();
      await vi.waitFor(async () => expect(await backend.workers()).toHaveLength(1), {
        timeout: 20_000,
      });
      await client.query("begin");
      const result = await greet.using({ transaction: client }).enqueue("Ada");
      await client.query("commit");
      await result.wait({ timeoutMs: 4_000 });
      expect(result.returnValue).toBe("Hello, Ada!");
      await worker.stop();
      await running;
    });
    client.release();
    await backend.close();
  });

  it("is refused when it is a pool, or a client without a transaction", async () => {
    const { backend } = await open({ database: pool });
    const client = await pool.connect();
    await withBackends({ default: backend }, async () => {
      for (const transaction of [pool, client]) {
        await expect(greet.using({ transaction }).enqueue("Ada")).rejects.toBeInstanceOf(
          InvalidTask,
        );
      }
      expect(await backend.counts()).toMatchObject({ READY: 0 });
    });
    client.release();
  });

  it("may be anything that executes statements", async () => {
    const { backend } = await open();
    const client = await pool.connect();
    const transaction = {
      execute: async (text: string, params: readonly (string | number | null)[]) =>
        (await client.query(text, [...params])).rows as unknown[],
    };
    await withBackends({ default: backend }, async () => {
      await client.query("begin");
      const many = await greet.using({ transaction }).enqueueMany([["a"], ["b"]]);
      await client.query("commit");
      for (const { id } of many) expect(await backend.readRecord(id)).toBeDefined();
    });
    client.release();
    await backend.close();
  });
});

describe("notifications", () => {
  it("wake workers and those who wait in another backend, long before anyone looks", async () => {
    const { schema, backend } = await open();
    await using other = new DatabaseBackend({ url, schema, poolSize: 2 });
    const worker = await backend.createWorker({ intervalMs: 60_000 });
    const running = worker.run();
    await withBackends({ default: other }, async () => {
      const first = await greet.enqueue("warm-up");
      await first.wait({ timeoutMs: 8_000 });
      const startedAt = performance.now();
      for (const name of ["Ada", "Grace", "Edsger"]) {
        const result = await greet.enqueue(name);
        await result.wait({ timeoutMs: 4_000 });
      }
      expect(performance.now() - startedAt).toBeLessThan(2_500);
    });
    await worker.stop();
    await running;
    await backend.close();
  }, 15_000);

  it("are spared while nobody listens", async () => {
    const { schema, backend } = await open({ tablePrefix: "heard_" });
    const scope = { tables: tableNames("heard_", schema), backend: "default" };
    const notify = (): Promise<boolean> =>
      new TasksDialect().notifyListeners(pgExecutor(pool, false, 0), scope, "work", "someone");
    const heard: string[] = [];
    // Hears what is sent without being one of those it is sent for.
    const spy = await pool.connect();
    spy.on("notification", ({ payload = "" }) => heard.push(payload));
    await spy.query(`listen "heard_changes_${schema}"`);
    onTestFinished(async () => {
      await spy.query("unlisten *");
      spy.removeAllListeners("notification");
      spy.release();
    });
    expect(await notify()).toBe(false);
    const worker = await backend.createWorker();
    const running = worker.run();
    await vi.waitFor(async () => expect(await notify()).toBe(true), { timeout: 20_000 });
    await vi.waitFor(() => expect(heard).toEqual(["work someone default"]), { timeout: 20_000 });
    await worker.stop();
    await running;
    await backend.close();
    await vi.waitFor(async () => expect(await notify()).toBe(false), { timeout: 20_000 });
  });
});

describe("a Kysely of PostgreSQL", () => {
  it("carries the backend and its transactions, past plugins that rename columns", async () => {
    const kysely = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new CamelCasePlugin()],
    });
    const { backend } = await open({ kysely, heartbeat: "timer" });
    await withBackends({ default: backend }, async () => {
      const result = await kysely
        .transaction()
        .execute((transaction) => greet.using({ transaction }).enqueue("Ada"));
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      await result.refresh();
      expect(result.returnValue).toBe("Hello, Ada!");
    });
  });
});

describe("a server whose connections break", () => {
  it("is survived by a worker: tasks go on, each exactly once", async () => {
    const own = new URL(url);
    const name = `tasks_${createId()}`;
    own.searchParams.set("application_name", name);
    const { backend } = await open({ url: own.href, poolSize: 4 });
    const ran: number[] = [];
    const count = task({ name: "postgres.count" }, async (index: number) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      ran.push(index);
    });
    configureTasks({ backends: { default: backend } });
    const worker = await backend.createWorker({ concurrency: 5, intervalMs: 50 });
    const running = worker.run();
    const results = await count.enqueueMany(Array.from({ length: 300 }, (_, index) => [index]));
    for (let round = 0; round < 5; round++) {
      await vi.waitFor(() => expect(ran.length).toBeGreaterThan(round * 40), { timeout: 5000 });
      await pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
        [name],
      );
    }
    await vi.waitFor(
      async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 300 }),
      {
        timeout: 15_000,
      },
    );
    expect(ran.toSorted((a, b) => a - b)).toEqual(results.map((_, index) => index));
    await worker.stop();
    await running;
    await backend.close();
  }, 30_000);
});

describe("a claim whose answer is lost", () => {
  it("is given back by the session that does not know of it, and counts as no attempt", async () => {
    const { schema, backend } = await open({ database: lossyPool() });
    await withBackends({ default: backend }, async () => {
      const result = await greet.enqueue("Ada");
      const worker = await backend.createWorker({ batch: true, intervalMs: 10 });
      await worker.run();
      await result.refresh();
      expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
      const { rows } = await pool.query(`select fence, lost from ${schema}.tasks_results`);
      expect(rows).toEqual([{ fence: 2, lost: 0 }]);
    });
  });

  /** A pool whose first claim is carried out, and whose answer never arrives. */
  function lossyPool(): typeof pool {
    const lossy = createPool(3);
    const connect = lossy.connect.bind(lossy) as () => Promise<PoolClient>;
    let isLost = false;
    const lose = (client: PoolClient): PoolClient => {
      const query = client.query.bind(client) as (statement: { text: string }) => Promise<unknown>;
      client.query = (async (statement: { text: string }) => {
        const answer = (await query(statement)) as { rows: readonly unknown[] };
        if (isLost || !/^update .* phase = 3, fence/s.test(statement.text)) return answer;
        if (answer.rows.length === 0) return answer;
        isLost = true;
        throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      }) as typeof client.query;
      return client;
    };
    lossy.connect = (async () => lose(await connect())) as typeof lossy.connect;
    return lossy;
  }
});

describe("addresses", () => {
  it("never show their password", async () => {
    const secret = "hunter2";
    await using backend = new DatabaseBackend({
      url: `postgres://ada:${secret}@127.0.0.1:1/nowhere`,
    });
    const error: unknown = await backend.readRecord("x").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    expect(String(error)).toContain("127.0.0.1:1/nowhere");
    expect(String(error)).not.toContain(secret);
    expect(() => new DatabaseBackend({ url: `postgres://ada:${secret}@[bad` })).toThrow(
      expect.not.stringContaining(secret) as Error,
    );
  });
});

/** What a list of one phase asks for. */
function newestOf(schema: string, phase: number): string {
  return `select id from ${schema}.tasks_results where backend = $1 and phase = ${phase} order by seq desc limit $2`;
}

describe("plans on PostgreSQL", () => {
  it("use the indexes, on an empty table and on one of mostly history", async () => {
    const { schema, backend } = await open();
    const statements = postgresStatements(tableNames(undefined, schema));
    const inserts = postgresInsertStatements(tableNames(undefined, schema));
    const client = await pool.connect();
    onTestFinished(() => client.release(true));
    onTestFinished(() => backend.close());
    await client.query(
      "set enable_seqscan = off; set enable_bitmapscan = off; set jit = off; set plan_cache_mode = force_generic_plan",
    );
    const names = "{a,b}";
    const claim = ["s", '["w"]', '"w"', "default", names, 10, "default"];
    const cases: readonly (readonly [string, readonly unknown[], string])[] = [
      [statements.claimQueue, claim, "tasks_results_ready"],
      [
        statements.claimQueues,
        [...claim.slice(0, 6), "{default,other}", 30, 30],
        "tasks_results_ready",
      ],
      [statements.claimAll, [...claim.slice(0, 6), "{}", 30, 30], "tasks_results_ready"],
      [statements.readyInMs, ["default", names, "{default}"], "tasks_results_ready"],
      [statements.readyInMsOfAll, ["default", names, "{}"], "tasks_results_scheduled"],
      [statements.claimQueue, claim, "tasks_results_scheduled_queue"],
      [statements.succeed, ["{1}", '{"x 1 s":"1"}'], "tasks_results_pkey"],
      [statements.succeedById, ["{x}", '{"x 1 s":"1"}', "{1}", "default"], "tasks_results_pkey"],
      [
        statements.succeedById,
        ["{x}", '{"x 1 s":"1"}', "{1}", "default"],
        "tasks_results_given_id",
      ],
      [statements.lockRows, ["{x}", "{1}", "default"], "tasks_results_pkey"],
      [statements.lockRows, ["{x}", "{1}", "default"], "tasks_results_given_id"],
      [statements.saveRows, ["{x}", '{"x":[1]}', "{1}", "default"], "tasks_results_pkey"],
      [statements.readStates, ["{x}", "{1}", "default"], "tasks_results_pkey"],
      [statements.readSessions, ["default"], "tasks_results_running"],
      [statements.lockLost, ["default", "{s}", 10], "tasks_results_running"],
      [inserts.findIds, ["default", "{x}", "{1}"], "tasks_results_given_id"],
      [inserts.findKeys, ["default", "{k}"], "tasks_unique_keys_pkey"],
      [inserts.findKeys, ["default", "{k}"], "tasks_results_pkey"],
      [statements.deleteFinished, ["default", 4, 1, 10], "tasks_results_finished"],
      [newestOf(schema, 3), ["default", 51], "tasks_results_running"],
      [newestOf(schema, 5), ["default", 51], "tasks_results_failed"],
    ];
    const check = async (): Promise<void> => {
      for (const [text, params, index] of cases) {
        // Planned without a look at the parameters, as statements with a name are.
        await client.query(`prepare planned as ${text}`);
        const values = params.map((value) => `'${String(value)}'`).join(", ");
        const { rows } = await client.query(`explain execute planned(${values})`);
        await client.query("deallocate planned");
        const plan = rows.map((row: { "QUERY PLAN": string }) => row["QUERY PLAN"]).join("\n");
        expect(plan).toContain(index);
        expect(plan).not.toMatch(/Seq Scan on tasks_results/);
      }
    };
    await check();
    await client.query(
      `insert into ${schema}.tasks_results (id, backend, queue_name, task_name, phase, due, enqueued_at, finished_at, session_id)
select 'id-' || n, 'default', 'default', 'a', p, n, n, case when p = 4 then n end, case when p = 3 then 's' end
from (select n, case when n <= 50000 then 4 when n <= 55000 then 2 when n <= 59990 then 1 else 3 end as p from generate_series(1, 60000) n) r`,
    );
    await client.query(`analyze ${schema}.tasks_results`);
    await check();
  });
});
