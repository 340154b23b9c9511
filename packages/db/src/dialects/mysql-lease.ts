/** What the lease thread runs: one connection and one statement. */
import type { Lease } from "@tasks/core/worker";
import type { ConnectionOptions } from "mysql2";

import type { SqlValue } from "../connection.ts";
import { answerOf, discard } from "../connections/mysql-answer.ts";

/** What the lease thread is given. */
export interface MysqlLeaseData {
  readonly config: ConnectionOptions;
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({ config, sql, params, leaseMs }: MysqlLeaseData): Promise<Lease> {
  const { createConnection } = await import("mysql2");
  // A connection that does not answer has to be replaced while there is something of the lease left.
  const limitMs = Math.ceil(leaseMs / 3);
  const client = createConnection({ ...config, connectTimeout: limitMs });
  // The next renewal meets the same trouble, and reports it.
  client.on("error", () => undefined);
  const execute = async (): Promise<unknown> =>
    answerOf("execute", client, { sql, values: [...params] }, limitMs);
  return {
    renew: async () => {
      await execute();
    },
    // A goodbye would wait behind a statement that is not answered.
    close: async () => discard(client),
  };
}
