import { checkBackend } from "@tasks/conformance";
import { testBackend } from "@tasks/conformance/vitest";
import { DatabaseBackend } from "@tasks/db";
import { Kysely, MysqlDialect } from "kysely";
import { createPool as createMysqlPool } from "mysql2";
import { afterAll, expect, it } from "vitest";

import { createPool, inMysqlTransaction, mariadbUrl } from "./support/mariadb.ts";
import { openBackend } from "./support/open.ts";

const url = mariadbUrl();
const pool = createPool();

testBackend({
  name: "@tasks/db, MariaDB by url",
  parallel: 10,
  createBackend: ({ namespace, ...options }) =>
    openBackend({ url, poolSize: 3, tablePrefix: `${namespace}_`, ...options }),
  destroy: async ({ namespace }) => {
    await using backend = new DatabaseBackend({ url, poolSize: 1, tablePrefix: `${namespace}_` });
    await backend.migrate({ to: 0 });
  },
  withTransaction: (_backend, run) => inMysqlTransaction(pool, run),
});

const kysely = new Kysely<unknown>({
  dialect: new MysqlDialect({ pool: createMysqlPool({ uri: url, connectionLimit: 5 }) }),
});
afterAll(() => kysely.destroy());

/**
 * The statements are tested by url; this tests that another way of sending them changes nothing.
 */
const TOPICS = [
  "enqueue.",
  "batch.",
  "defer.",
  "order.",
  "unique.",
  "outcome.",
  "retry.",
  "claim.",
  "progress.",
  "logs.",
  "list.",
  "monitor.",
  "prune.",
  "delete.",
  "transaction.",
];

// After the one by url, not beside it: both make and drop hundreds of tables, which the server does
// one at a time.
it("keeps the contract on MariaDB by Kysely", { timeout: 240_000 }, async () => {
  const report = await checkBackend(
    {
      name: "@tasks/db, MariaDB by Kysely",
      parallel: 5,
      createBackend: ({ namespace, ...options }) =>
        openBackend({ kysely, heartbeat: "timer", tablePrefix: `${namespace}_`, ...options }),
      destroy: async ({ namespace }) => {
        await using backend = new DatabaseBackend({ kysely, tablePrefix: `${namespace}_` });
        await backend.migrate({ to: 0 });
      },
      withTransaction: (_backend, run) =>
        kysely.transaction().execute((transaction) => run(transaction)),
    },
    { only: TOPICS },
  );
  expect(report.outcomes.filter(({ status }) => status === "failed")).toEqual([]);
  expect(report.outcomes.filter(({ status }) => status === "passed").length).toBeGreaterThan(100);
});
