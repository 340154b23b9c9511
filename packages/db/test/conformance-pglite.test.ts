import { PGlite } from "@electric-sql/pglite";
import { testBackend } from "@tasks/conformance/vitest";
import { DatabaseBackend } from "@tasks/db";
import { Kysely, PGliteDialect } from "kysely";
import { afterAll } from "vitest";

import { openBackend } from "./support/open.ts";

// One database for all: starting one takes a second.
const kysely = new Kysely<unknown>({ dialect: new PGliteDialect({ pglite: new PGlite() }) });
afterAll(() => kysely.destroy());

testBackend({
  name: "@tasks/db, PGlite by Kysely",
  oneConnection: true,
  parallel: 3,
  createBackend: ({ namespace, ...options }) =>
    openBackend({ kysely, heartbeat: "timer", tablePrefix: `${namespace}_`, ...options }),
  destroy: async ({ namespace }) => {
    await using backend = new DatabaseBackend({ kysely, tablePrefix: `${namespace}_` });
    await backend.migrate({ to: 0 });
  },
  withTransaction: (_backend, run) =>
    kysely.transaction().execute((transaction) => run(transaction)),
});
