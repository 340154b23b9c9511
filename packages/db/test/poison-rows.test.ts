import { DatabaseSync } from "node:sqlite";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const pool = createPool(2);
const mariadb = createMariadbPool();
const databases = createDatabases(mariadb);
const schemas: string[] = [];
afterAll(async () => {
  for (const schema of schemas) await pool.query(`drop schema ${schema} cascade`);
});

const echo = task({ name: "poison.echo", maxLost: 1 }, (text: string) => text);
const fail = task({ name: "poison.fail" }, (text: string) => {
  throw new Error(text);
});

const REFUSED = "it does not fit";
const LEASE_MS = 1000;

/** A backend, and somebody who changes its rows. */
interface Place {
  readonly backend: DatabaseBackend;
  /** Changes all rows, or the one of an id. */
  readonly change: (set: string, id?: string) => Promise<void>;
}

/**
 * Databases that refuse the end of a task with a certain metadata, as a value that does not fit.
 */
const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  SQLite: async () => {
    const path = folder.path(`${createId()}.db`);
    const backend = new DatabaseBackend({ url: `sqlite:${path}`, leaseMs: LEASE_MS });
    await backend.migrate();
    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    database.exec(`create trigger refuse before update on tasks_results
when new.metadata like '%poison%' and new.phase <> 3 begin select raise(abort, '${REFUSED}'); end`);
    const change: Place["change"] = async (set, id) => {
      database.prepare(`update tasks_results set ${set} where ? in (id, '')`).run(id ?? "");
    };
    return { backend, change };
  },
  PostgreSQL: async () => {
    const schema = `t_${createId()}`;
    schemas.push(schema);
    const url = postgresUrl();
    const backend = new DatabaseBackend({ url, schema, poolSize: 3, leaseMs: LEASE_MS });
    await backend.migrate();
    await pool.query(`create function ${schema}.refuse() returns trigger language plpgsql as
$$ begin raise exception '${REFUSED}'; end $$;
create trigger refuse before update on ${schema}.tasks_results for each row
when (new.metadata like '%poison%' and new.phase <> 3) execute function ${schema}.refuse()`);
    const change: Place["change"] = async (set, id) => {
      const isMeant = "$1::text in (id, '')";
      await pool.query(`update ${schema}.tasks_results set ${set} where ${isMeant}`, [id ?? ""]);
    };
    return { backend, change };
  },
  MariaDB: async () => {
    const { backend, name } = await databases.open({ leaseMs: LEASE_MS });
    await mariadb.query(`create trigger ${name}.refuse before update on ${name}.tasks_results for each row
begin if new.metadata like '%poison%' and new.phase <> 3 then signal sqlstate '45000' set message_text = '${REFUSED}'; end if; end`);
    const change: Place["change"] = async (set, id) => {
      await mariadb.query(`update ${name}.tasks_results set ${set} where ? in (id, '')`, [
        id ?? "",
      ]);
    };
    return { backend, change };
  },
};

async function openPlace(open: () => Promise<Place>): Promise<Place> {
  const place = await open();
  onTestFinished(() => place.backend.close());
  return place;
}

const LOSE = "phase = 3, fence = 1, session_id = 'gone'";

describe.each(Object.entries(PLACES))("a row whose end %s refuses", (_name, open) => {
  it("ends FAILED with the cause when its worker is lost, and keeps no other from recovery", async () => {
    const { backend, change } = await openPlace(open);
    await withBackends({ default: backend }, async () => {
      const good = await echo.enqueueMany(Array.from({ length: 5 }, (_, n) => [`${n}`] as const));
      const poison = await echo.using({ metadata: { is: "poison" } }).enqueue("x");
      await change(LOSE);
      const worker = await backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      for (const result of [...good, poison]) await result.wait({ timeoutMs: 20_000 });
      await worker.stop();
      await running;
      expect(good.map(({ status }) => status)).toEqual(good.map(() => "SUCCESSFUL"));
      expect(poison).toMatchObject({ status: "FAILED", metadata: {} });
      expect(poison.errors.at(-1)?.message).toContain(REFUSED);
    });
  }, 40_000);

  it("ends FAILED with the cause when its attempt ends, instead of running until its worker stops", async () => {
    const { backend } = await openPlace(open);
    await withBackends({ default: backend }, async () => {
      const poison = await fail.using({ metadata: { is: "poison" } }).enqueue("its own trouble");
      const good = await echo.enqueue("good");
      const worker = await backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      await good.wait({ timeoutMs: 20_000 });
      await poison.wait({ timeoutMs: 20_000 });
      await worker.stop();
      await running;
      expect(poison).toMatchObject({ status: "FAILED", metadata: {} });
      expect(poison.errors.at(-1)?.message).toContain(REFUSED);
    });
  }, 40_000);
});

describe("a row that fills a packet of MariaDB", () => {
  /** Fits into a packet when it is stored, and not when it is saved as text within JSON. */
  const metadata = { text: '"'.repeat(4_300_000) };

  it.each(["lost", "failed"])(
    "ends FAILED with the cause, and keeps no other: %s",
    async (how) => {
      const { backend, name } = await databases.open({
        leaseMs: LEASE_MS,
        maxPayloadBytes: 16_000_000,
      });
      onTestFinished(() => backend.close());
      await withBackends({ default: backend }, async () => {
        const large = await fail.using({ metadata }).enqueue("large");
        const good = await echo.enqueueMany([["a"], ["b"]]);
        const lose = `update ${name}.tasks_results set ${LOSE}, max_lost = 0`;
        if (how === "lost") await mariadb.query(lose);
        const worker = await backend.createWorker({ intervalMs: 20 });
        const running = worker.run();
        for (const result of [...good, large]) await result.wait({ timeoutMs: 20_000 });
        await worker.stop();
        await running;
        const ends = good.map(({ status }) => status);
        expect(ends).toEqual(good.map(() => (how === "lost" ? "FAILED" : "SUCCESSFUL")));
        expect(large).toMatchObject({ status: "FAILED", metadata: {} });
        expect(large.errors.at(-1)?.message).toContain("max_allowed_packet");
      });
    },
    60_000,
  );
});

const LARGE_COLUMNS = ["due", "enqueued_at", "run_after"];
const SMALL_COLUMNS = ["fence", "failures", "lost", "max_lost"];

describe.each(Object.entries(PLACES))(
  "a row with numbers that JavaScript cannot hold, on %s",
  (name, open) => {
    // The columns of servers have types, and refuse such a number where they hold smaller ones.
    const columns = name === "SQLite" ? [...LARGE_COLUMNS, ...SMALL_COLUMNS] : LARGE_COLUMNS;

    it.each(columns)(
      "keeps no other from being run, listed or recovered: %s",
      async (column) => {
        const { backend, change } = await openPlace(open);
        await withBackends({ default: backend }, async () => {
          const [strange, ...good] = await echo.enqueueMany(
            Array.from({ length: 4 }, (_, n) => [`${n}`] as const),
          );
          await change(`${column} = 9223372036854775807`, strange!.id);
          expect((await backend.list()).results).toHaveLength(4);
          expect(await backend.queues()).toHaveLength(1);
          await change("phase = 3, session_id = 'gone'");
          const worker = await backend.createWorker({ intervalMs: 20 });
          const running = worker.run();
          for (const result of good) await result.wait({ timeoutMs: 20_000 });
          await worker.stop();
          await running;
          expect(good.map(({ status }) => status)).toEqual(good.map(() => "SUCCESSFUL"));
          expect((await backend.list()).results).toHaveLength(4);
        });
      },
      40_000,
    );
  },
);
