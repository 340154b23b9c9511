import { testBackend } from "@tasks/conformance/vitest";
import { DatabaseBackend } from "@tasks/db";

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
