/** What the lease thread runs: one connection and one statement. */
import type { Lease } from "@tasks/core/worker";
import type { ConnectionOptions } from "mysql2";

import type { SqlValue } from "../connection.ts";

/** What the lease thread is given. */
export interface MysqlLeaseData {
  readonly config: ConnectionOptions;
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({ config, sql, params, leaseMs }: MysqlLeaseData): Promise<Lease> {
  const { createConnection } = await import("mysql2/promise");
  const connection = await createConnection({ ...config, connectTimeout: leaseMs });
  // The next renewal meets the same trouble, and reports it.
  connection.on("error", () => undefined);
  return {
    renew: async () => {
      // A server that does not answer for the length of a lease has to be asked anew.
      await connection.execute({ sql, values: [...params], timeout: leaseMs });
    },
    // A goodbye would wait behind a statement that is not answered.
    close: () => connection.destroy(),
  };
}
