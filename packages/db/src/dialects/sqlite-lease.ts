/**
 * What the lease thread runs. It imports nothing but Node's own modules, so that starting a thread costs little.
 */
import type * as NodeSqlite from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

import { keepLease } from "@tasks/core/lease-thread";
import type { Lease } from "@tasks/core/worker";

import { attemptList, type LeaseData } from "./lease-data.ts";

/** SQLite's result code for "someone else is writing". */
const BUSY = 5;
/** Pause before a busy file is tried again, in milliseconds. */
const BUSY_PAUSE_MS = 20;

keepLease(openLease);

/** Opens the connection by which the thread renews its session's lease. */
function openLease({ config, renewLease, giveBack, leaseMs }: LeaseData<string>): Lease {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite") as typeof NodeSqlite;
  const database = new DatabaseSync(config);
  database.exec("pragma busy_timeout = 20");
  /** Tries again while somebody else writes. */
  const write = async (run: () => void): Promise<void> => {
    // A lease that could not be renewed while it lasted is over.
    const deadline = performance.now() + leaseMs;
    for (;;) {
      try {
        database.exec("pragma synchronous = normal");
        return run();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await sleep(BUSY_PAUSE_MS);
    }
  };
  return {
    renew: () =>
      write(() => {
        const now = Date.now();
        database.prepare(renewLease.sql).run(...renewLease.params, now, now, now);
      }),
    giveBack: (attempts) =>
      write(() => {
        database.prepare(giveBack.sql).run(...giveBack.params, attemptList(attempts));
      }),
    close: () => database.close(),
  };
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error)) return false;
  return typeof error.errcode === "number" && (error.errcode & 0xff) === BUSY;
}
