import type { Lease } from "@tasks/core/worker";

import type { SqlValue } from "../connection.ts";
import { whileBusy } from "../connections/busy.ts";
import { openNodeSqlite } from "../connections/open-node-sqlite.ts";

/** What the lease thread is given. */
export interface SqliteLeaseData {
  readonly file: string;
  readonly sql: string;
  /** First parameters of the statement; the present, the present and the end of the lease follow. */
  readonly session: readonly SqlValue[];
  readonly leaseMs: number;
}

/** Opens the connection by which a lease thread renews its session's lease. */
export async function openLease({ file, sql, session, leaseMs }: SqliteLeaseData): Promise<Lease> {
  const handle = await openNodeSqlite(file, {
    where: `SQLite database ${file}`,
    synchronous: "normal",
    // The thread tries again by itself, and a lease that could not be renewed in time is over anyway.
    busyLimitMs: leaseMs,
  });
  return {
    renew: () =>
      whileBusy(() => {
        const now = Date.now();
        handle.prepare(sql).run([...session, now, now, now + leaseMs]);
      }, leaseMs),
    close: () => handle.close(),
  };
}
