import { PGlite } from "@electric-sql/pglite";
import { checkBackend } from "@tasks/conformance";
import { DatabaseBackend } from "@tasks/db";
import { Kysely, PGliteDialect } from "kysely";
import { afterAll, expect, it } from "vitest";

import { openBackend } from "./support/open.ts";

// One database for all: starting one takes a second.
const kysely = new Kysely<unknown>({ dialect: new PGliteDialect({ pglite: new PGlite() }) });
afterAll(() => kysely.destroy());

/**
 * The same statements prove themselves on a whole server elsewhere; here it matters that another driver sends and reads them. Requirements that look at
 * a transaction from outside while it is open cannot be met by a database of one connection.
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
];

it("keeps the contract on PGlite", { timeout: 120_000 }, async () => {
  const report = await checkBackend(
    {
      name: "@tasks/db, PGlite by Kysely",
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
