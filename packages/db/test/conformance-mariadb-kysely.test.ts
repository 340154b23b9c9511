import { checkBackend } from "@tasks/conformance";
import { DatabaseBackend } from "@tasks/db";
import { Kysely, MysqlDialect } from "kysely";
import { createPool } from "mysql2";
import { afterAll, expect, it } from "vitest";

import { mariadbUrl } from "./support/mariadb.ts";
import { openBackend } from "./support/open.ts";

const kysely = new Kysely<unknown>({
  dialect: new MysqlDialect({ pool: createPool({ uri: mariadbUrl(), connectionLimit: 5 }) }),
});
afterAll(() => kysely.destroy());

/** The same statements prove themselves by url elsewhere; here it matters that another way of sending them does not change what they say. */
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
