import { createId, task, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const echo = task({ name: "claims.echo" }, (value: string) => value);
const soon = { runAfter: { milliseconds: 30 } };

const folder = createFolder();
const pool = createPool();
const mariadb = createMariadbPool();
const databases = createDatabases(mariadb);

/** A backend, and a transaction of someone else that locks all its rows of a queue. */
interface Place {
  readonly backend: DatabaseBackend;
  /** Resolves with the function that ends it. */
  readonly lockQueue: (queueName: string) => Promise<() => Promise<unknown>>;
}

const SERVERS: Readonly<Record<string, () => Promise<Place>>> = {
  PostgreSQL: async () => {
    const schema = `t_${createId()}`;
    afterAll(() => pool.query(`drop schema if exists ${schema} cascade`));
    const backend = new DatabaseBackend({ url: postgresUrl(), schema, queues: [] });
    const lockQueue: Place["lockQueue"] = async (queueName) => {
      const client = await pool.connect();
      onTestFinished(() => client.release(true));
      await client.query("begin");
      const rows = `select 1 from ${schema}.tasks_results where queue_name = $1 for update`;
      await client.query(rows, [queueName]);
      return () => client.query("rollback");
    };
    return { backend, lockQueue };
  },
  MariaDB: async () => {
    const { name, url } = await databases.create();
    const backend = new DatabaseBackend({ url, queues: [] });
    const lockQueue: Place["lockQueue"] = async (queueName) => {
      const connection = await mariadb.getConnection();
      onTestFinished(() => connection.destroy());
      // Locks the rows alone, not the gaps between them.
      await connection.query("set session transaction isolation level read committed");
      await connection.beginTransaction();
      const rows = `select 1 from ${name}.tasks_results where queue_name = ? for update`;
      await connection.query(rows, [queueName]);
      return () => connection.rollback();
    };
    return { backend, lockQueue };
  },
};

describe.each(Object.entries(SERVERS))(
  "rows on %s that other transactions have locked",
  (_name, open) => {
    it.each([
      ["due ones", "one queue", ["default"], "default"],
      ["due ones", "several queues", ["held", "default"], "held"],
      ["due ones", "all queues", ["*"], "held"],
      ["ready ones", "one queue", ["default"], "default"],
      ["ready ones", "all queues", ["*"], "held"],
    ])(
      "do not stop a claim: %s, worker of %s",
      { timeout: 120_000 },
      async (kind, _queues, queueNames, held) => {
        const { backend, lockQueue } = await open();
        onTestFinished(() => backend.close());
        await backend.migrate();
        await withBackends({ default: backend }, async () => {
          const first = echo.using({
            queueName: held,
            priority: 9,
            ...(kind === "due ones" && soon),
          });
          const locked = await first.enqueueMany(Array.from({ length: 100 }, () => ["locked"]));
          const unlock = await lockQueue(held);
          await until(
            () => locked.at(-1)!.runAfter === null || backend.now() > locked.at(-1)!.runAfter!,
          );
          const worker = await backend.createWorker({ queueNames, concurrency: 1 });
          const running = worker.run();
          const ready = await echo.enqueue("ready");
          const due = await echo.using(soon).enqueue("due");
          await Promise.all([ready.wait({ timeoutMs: 50_000 }), due.wait({ timeoutMs: 50_000 })]);
          expect(await backend.counts()).toMatchObject({ READY: locked.length });
          await unlock();
          await locked[0]!.wait({ timeoutMs: 50_000 });
          await worker.stop();
          await running;
        });
      },
    );

    it("do not make a worker spin", { timeout: 120_000 }, async () => {
      const { backend, lockQueue } = await open();
      onTestFinished(() => backend.close());
      await backend.migrate();
      await withBackends({ default: backend }, async () => {
        const locked = await echo.using(soon).enqueue("locked");
        const unlock = await lockQueue("default");
        await until(() => backend.now() > locked.runAfter!);
        const worker = await backend.createWorker({ queueNames: ["*"] });
        const { store } = worker as unknown as {
          readonly store: { claim: (request: unknown) => Promise<unknown> };
        };
        const claim = store.claim.bind(store);
        let claims = 0;
        store.claim = (request) => {
          claims++;
          return claim(request);
        };
        const running = worker.run();
        const endMs = performance.now() + 1000;
        await until(() => performance.now() > endMs);
        expect(claims).toBeGreaterThan(1);
        expect(claims).toBeLessThan(40);
        await unlock();
        await locked.wait({ timeoutMs: 50_000 });
        await worker.stop();
        await running;
      });
    });
  },
);

const STORES: Readonly<Record<string, () => Promise<DatabaseBackend>>> = {
  SQLite: async () =>
    new DatabaseBackend({ url: `sqlite:${folder.path(`${createId()}.db`)}`, queues: [] }),
  PostgreSQL: async () => (await SERVERS["PostgreSQL"]!()).backend,
  MariaDB: async () => (await SERVERS["MariaDB"]!()).backend,
};

describe.each(Object.entries(STORES))("claims on %s", (_name, open) => {
  it("start soon however many queues there are, and best first", { timeout: 120_000 }, async () => {
    const backend = await open();
    onTestFinished(() => backend.close());
    await backend.migrate();
    await withBackends({ default: backend }, async () => {
      const tenants = Array.from({ length: 2000 }, (_, index) => `tenant-${index}`);
      await Promise.all(
        tenants.flatMap((queueName) => [
          echo.using({ queueName }).enqueue("now"),
          echo.using({ queueName, runAfter: { hours: 9 } }).enqueue("tomorrow"),
        ]),
      );
      const urgent = await echo.using({ queueName: "tenant-9", priority: 9 }).enqueue("urgent");
      const worker = await backend.createWorker({ queueNames: ["*"], batch: true, maxTasks: 1 });
      const startMs = performance.now();
      await worker.run();
      expect(performance.now() - startMs).toBeLessThan(5000);
      expect((await urgent.refresh()).status).toBe("SUCCESSFUL");
      await (await backend.createWorker({ queueNames: ["*"], batch: true })).run();
      expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 2001, READY: 2000 });
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
