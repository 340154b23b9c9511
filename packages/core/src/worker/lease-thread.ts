/** The thread that keeps a worker's lease alive. It starts the faster the less it imports. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";

import { sleep } from "../internal/timing.ts";
import { AheadWatch } from "./ahead-watch.ts";
import type { ClaimedAhead } from "./claimed-ahead.ts";
import type { Lease } from "./worker-store.ts";

/** Longest pause after a failed renewal, in milliseconds; the shortest is half of it. */
const RETRY_MS = 1000;

/** What a lease thread is started with. */
export interface LeaseThreadData {
  /** What `openLease` is given. */
  readonly data: unknown;
  readonly intervalMs: number;
}

/** What a lease thread is told. */
export type LeaseThreadOrder = "stop" | ClaimedAhead;

/** What a lease thread reports. */
export type LeaseThreadMessage =
  | { readonly type: "renewed" }
  | { readonly type: "failed"; readonly problem: string };

/**
 * Runs a lease thread: opens the lease, renews it again and again, opens it anew after a failure, until the worker stops. The module of a lease thread
 * calls it and does nothing else; imported by a main thread, the call does nothing.
 *
 * @example
 * keepLease<LeaseData>(({ path }) => ({ renew: () => utimes(path, new Date(), new Date()), close: () => {} }));
 */
export function keepLease<Data>(openLease: (data: Data) => Promise<Lease> | Lease): void {
  if (!isMainThread && parentPort !== null) void renewUntilStopped(openLease);
}

async function renewUntilStopped<Data>(
  openLease: (data: Data) => Promise<Lease> | Lease,
): Promise<void> {
  const { data, intervalMs } = workerData as LeaseThreadData;
  const stopped = new AbortController();
  let lease: Lease | undefined;
  const ahead = new AheadWatch(() => lease);
  const onOrder = (order: LeaseThreadOrder): void => {
    if (order !== "stop") return ahead.add(order);
    // Listening would keep the thread alive.
    parentPort?.off("message", onOrder);
    stopped.abort();
  };
  parentPort?.on("message", onOrder);
  while (!stopped.signal.aborted) {
    try {
      lease ??= await openLease(data as Data);
      await lease.renew();
      report({ type: "renewed" });
      await sleep(intervalMs, stopped.signal);
    } catch (error) {
      report({ type: "failed", problem: error instanceof Error ? error.message : String(error) });
      await close(lease);
      lease = undefined;
      const longestMs = Math.min(RETRY_MS, intervalMs);
      await sleep(longestMs * (0.5 + Math.random() / 2), stopped.signal);
    }
  }
  ahead.stop();
  await close(lease);
}

function report(message: LeaseThreadMessage): void {
  parentPort?.postMessage(message);
}

async function close(lease: Lease | undefined): Promise<void> {
  try {
    await lease?.close();
  } catch {
    // A connection that cannot be closed is gone already.
  }
}
