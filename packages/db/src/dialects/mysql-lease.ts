/** What the lease thread runs: one connection and two statements. */
import { keepLease } from "@tasks/core/lease-thread";
import type { Lease } from "@tasks/core/worker";
import type { ConnectionOptions } from "mysql2";

import type { SqlValue } from "../connection.ts";
import { answerOf, discard } from "../connections/mysql-answer.ts";
import { pinMysqlSession } from "../connections/mysql-session.ts";
import { attemptList, type LeaseData } from "./lease-data.ts";

keepLease(openLease);

/** Opens the connection by which the thread renews its session's lease. */
async function openLease({
  config,
  renewLease,
  giveBack,
  leaseMs,
}: LeaseData<ConnectionOptions>): Promise<Lease> {
  // Bundlers leave drivers to run time: a driver that is not installed must not fail the build.
  const { createConnection } = await import(/* webpackIgnore: true */ /* @vite-ignore */ "mysql2");
  // A connection that does not answer has to be replaced while there is something of the lease left.
  const limitMs = Math.ceil(leaseMs / 3);
  const client = createConnection({ ...config, connectTimeout: limitMs });
  // The next renewal meets the same trouble, and reports it.
  client.on("error", () => undefined);
  const execute = async (sql: string, values: readonly SqlValue[]): Promise<unknown> =>
    answerOf("execute", client, { sql, values: [...values] }, limitMs);
  // A session that commits nothing by itself would renew nothing.
  await answerOf("query", client, { sql: `set ${pinMysqlSession()}` }, limitMs);
  return {
    renew: async () => {
      await execute(renewLease.sql, renewLease.params);
    },
    giveBack: async (attempts) => {
      await execute(giveBack.sql, [...giveBack.params, attemptList(attempts)]);
    },
    // A goodbye would wait behind a statement that is not answered.
    close: async () => discard(client),
  };
}
