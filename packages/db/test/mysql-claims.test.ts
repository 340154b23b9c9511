import { createId, task, taskLog, withBackends } from "@tasks/core";
import type { ClaimedTask, QueueWorker, WorkerSession } from "@tasks/core/worker";
import { DatabaseBackend } from "@tasks/db";
import { Kysely, MysqlDialect } from "kysely";
import { createPool as createCallbackPool, type Pool, type PoolConnection } from "mysql2";
import { describe, expect, it, onTestFinished } from "vitest";

import { createDatabases, createPool } from "./support/mariadb.ts";

const pool = createPool();
const databases = createDatabases(pool);
taskLog.connect(() => undefined);

const number = task({ name: "mysql-claims.number" }, (n: number) => n);
const calls = (count: number): [number][] => Array.from({ length: count }, (_, n) => [n]);

type Use = (pool: Pool) => { readonly database: Pool } | { readonly kysely: Kysely<unknown> };
const ways: readonly (readonly [name: string, use: Use])[] = [
  ["a pool", (database) => ({ database })],
  [
    "a Kysely",
    (database) => ({ kysely: new Kysely({ dialect: new MysqlDialect({ pool: database }) }) }),
  ],
];

describe.each(ways)("a claim on MariaDB by %s", (_name, use) => {
  it("finds, takes and reads tasks in one statement", async () => {
    await withClaims(use, async ({ claim, sent }) => {
      await number.enqueueMany(calls(5));
      await claim(1);
      await claim(1);
      sent.length = 0;
      const claimed = await claim(10);
      expect(claimed.map((one) => one.args())).toEqual([[2], [3], [4]]);
      expect(claimed[0]!.record()).toMatchObject({ status: "RUNNING", workerIds: ["it's me"] });
      expect(sent).toEqual([expect.stringMatching(/^begin not atomic/)]);
      expect(await claim(10)).toEqual([]);
      expect(sent).toHaveLength(2);
    });
  });

  it("finds tasks of priorities that were never used before", async () => {
    await withClaims(use, async ({ claim }) => {
      await number.enqueueMany(calls(3));
      await claim(1);
      const soon = number.using({ runAfter: { milliseconds: 1 } });
      for (const priority of [7, -7]) await soon.using({ priority }).enqueue(priority);
      await expect.poll(async () => (await claim(1))[0]?.args()).toEqual([7]);
      expect((await claim(10)).map((one) => one.args()[0])).toEqual([1, 2, -7]);
    });
  });

  it("passes over rows that are locked, and claims those behind them", async () => {
    await withClaims(use, async ({ claim, name }) => {
      await number.enqueueMany(calls(30));
      await claim(1);
      await claim(1);
      const other = await pool.getConnection();
      await other.beginTransaction();
      const seqs = Array.from({ length: 10 }, (_, n) => n + 3).join();
      await other.query(
        `select 1 from ${name}.tasks_results force index (primary) where seq in (${seqs}) for update`,
      );
      expect((await claim(4)).map((one) => one.args()[0])).toEqual([12, 13, 14, 15]);
      await other.rollback();
      other.release();
      expect((await claim(3)).map((one) => one.args()[0])).toEqual([2, 3, 4]);
    });
  });

  it("claims fewer where the session cuts lists short", async () => {
    await withClaims(
      use,
      async ({ claim }) => {
        await number.enqueueMany(calls(40));
        const all: unknown[] = [];
        for (let claimed; (claimed = await claim(40)).length > 0;) {
          all.push(...claimed.map((one) => one.args()[0]));
        }
        expect(all).toEqual(calls(40).flat());
      },
      "set session group_concat_max_len = 16",
    );
  });

  it("takes several statements where the server refuses that one", async () => {
    await withClaims(use, async ({ claim, sent, refuse }) => {
      await number.enqueueMany(calls(4));
      await claim(1);
      refuse();
      expect((await claim(2)).map((one) => one.args()[0])).toEqual([1, 2]);
      sent.length = 0;
      expect((await claim(2)).map((one) => one.args()[0])).toEqual([3]);
      expect(sent.filter((text) => text.startsWith("begin not atomic"))).toEqual([]);
    });
  });
});

it("a claim by a pool is stored also when the application has turned autocommit off meanwhile", async () => {
  await withClaims(
    (database) => ({ database }),
    async ({ claim, query, name }) => {
      await number.enqueueMany(calls(3));
      await claim(1);
      await query("set autocommit = 0");
      expect(await claim(2)).toHaveLength(2);
      const [rows] = await pool.query(`select phase from ${name}.tasks_results`);
      expect(rows).toEqual([{ phase: 3 }, { phase: 3 }, { phase: 3 }]);
    },
  );
});

interface Claims {
  readonly name: string;
  /** Runs a statement of the application's on the one connection. */
  readonly query: (sql: string) => Promise<unknown>;
  readonly claim: (limit: number) => Promise<readonly ClaimedTask[]>;
  /** Statements that the claims sent. */
  readonly sent: string[];
  /** Has the server fail statements that it does not know. */
  readonly refuse: () => void;
}

async function withClaims(
  use: Use,
  run: (claims: Claims) => Promise<void>,
  setup?: string,
): Promise<void> {
  const { name, url } = await databases.create();
  const callbacks = createCallbackPool({ uri: url, connectionLimit: 1 });
  onTestFinished(() => callbacks.promise().end());
  const sent: string[] = [];
  let refuses = false;
  callbacks.on("connection", (connection: PoolConnection) => {
    if (setup !== undefined) connection.query(setup);
    for (const method of ["query", "execute"] as const) {
      const sound = connection[method].bind(connection) as (...args: unknown[]) => unknown;
      Object.assign(connection, {
        [method]: (statement: string | { sql: string }, ...rest: unknown[]) => {
          const text = typeof statement === "string" ? statement : statement.sql;
          sent.push(text);
          if (refuses && text.startsWith("begin not atomic")) {
            const unknown = "begin not known";
            const asked = typeof statement === "string" ? unknown : { ...statement, sql: unknown };
            return sound(asked, ...rest);
          }
          return sound(statement, ...rest);
        },
      });
    }
  });
  const backend = new DatabaseBackend({ ...use(callbacks), heartbeat: "timer" });
  await backend.migrate();
  await withBackends({ default: backend }, async () => {
    const { store } = (await backend.createWorker({ queueNames: ["default"] })) as QueueWorker;
    const session: WorkerSession = {
      sessionId: createId(),
      workerId: "it's me",
      queueNames: ["default"],
      concurrency: 10,
      leaseMs: 60_000,
    };
    await store.register(session);
    const claim: Claims["claim"] = (limit) =>
      store.claim({
        session,
        limit,
        queueNames: ["default"],
        excludeQueues: [],
        taskNames: [number.name],
      });
    const query: Claims["query"] = (sql) => callbacks.promise().query(sql);
    await run({ name, query, claim, sent, refuse: () => (refuses = true) });
  });
  await backend.close();
}
