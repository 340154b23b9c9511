/**
 * What the lease thread runs. It imports nothing but Node's own modules, so that starting a thread costs little.
 */
import type * as NodeSqlite from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

import type { Lease } from "@tasks/core/worker";

import type { SqlValue } from "../connection.ts";

/** What the lease thread is given. */
export interface SqliteLeaseData {
  readonly file: string;
  readonly sql: string;
  /** First parameters of the statement; the present, the present and the end of the lease follow. */
  readonly session: readonly SqlValue[];
  readonly leaseMs: number;
}

/** SQLite's result code for "someone else is writing". */
const BUSY = 5;
/** Pause before a busy file is tried again, in milliseconds. */
const BUSY_PAUSE_MS = 20;

/** Opens the connection by which a lease thread renews its session's lease. */
export function openLease({ file, sql, session, leaseMs }: SqliteLeaseData): Lease {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite") as typeof NodeSqlite;
  const database = new DatabaseSync(file);
  database.exec("pragma busy_timeout = 20");
  let statement: NodeSqlite.StatementSync | undefined;
  return {
    renew: async () => {
      // A lease that could not be renewed while it lasted is over.
      const deadline = performance.now() + leaseMs;
      for (;;) {
        try {
          if (statement === undefined) {
            database.exec("pragma synchronous = normal");
            statement = database.prepare(sql);
          }
          const now = Date.now();
          statement.run(...session, now, now, now + leaseMs);
          return;
        } catch (error) {
          if (!isBusy(error) || performance.now() > deadline) throw error;
        }
        await sleep(BUSY_PAUSE_MS);
      }
    },
    close: () => database.close(),
  };
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error)) return false;
  return typeof error.errcode === "number" && (error.errcode & 0xff) === BUSY;
}
