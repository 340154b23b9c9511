/** The thread that keeps a worker's lease alive: renews, sleeps, until it is told to stop or its process ends. */
import { parentPort, workerData } from "node:worker_threads";

import { sleep } from "../internal/timing.ts";
import type { LeaseThreadData } from "./lease-keeper.ts";
import type { Lease } from "./worker-store.ts";

/** Pause after a failed renewal, in milliseconds. */
const RETRY_MS = 500;

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
    await sleep(Math.min(RETRY_MS, intervalMs), stopped.signal);
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
