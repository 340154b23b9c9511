/** The thread that keeps a worker's lease alive: renews, sleeps, until it is told to stop or its process ends. */
import { parentPort, workerData } from "node:worker_threads";

import { sleep } from "../internal/timing.ts";
import type { LeaseThreadData } from "./lease-keeper.ts";
import type { Lease } from "./worker-store.ts";

/** Longest pause after a failed renewal, in milliseconds; the shortest is half of it. */
const RETRY_MS = 1000;

const { module, data, intervalMs } = workerData as LeaseThreadData;
const stopped = new AbortController();
parentPort?.once("message", () => stopped.abort());

const { openLease } = (await import(module)) as {
  openLease: (data: unknown) => Promise<Lease> | Lease;
};
let lease: Lease | undefined;
let hasRenewed = false;
while (!stopped.signal.aborted) {
  try {
    lease ??= await openLease(data);
    await lease.renew();
    if (!hasRenewed) parentPort?.postMessage(null);
    hasRenewed = true;
    await sleep(intervalMs, stopped.signal);
  } catch (error) {
    parentPort?.postMessage(error instanceof Error ? error.message : String(error));
    await close(lease);
    lease = undefined;
    const longestMs = Math.min(RETRY_MS, intervalMs);
    await sleep(longestMs * (0.5 + Math.random() / 2), stopped.signal);
  }
}
await close(lease);

async function close(open: Lease | undefined): Promise<void> {
  try {
    await open?.close();
  } catch {
    // A connection that cannot be closed is gone already.
  }
}
