import { keepLease } from "@tasks/core/lease-thread";

/** Counts renewals and closings in shared memory: a lease that a test can look at while its own thread is blocked. */
keepLease((shared: SharedArrayBuffer) => {
  const [renewals, closings] = [0, 1];
  const counts = new Int32Array(shared);
  const count = (index: number): void => {
    Atomics.add(counts, index, 1);
    Atomics.notify(counts, index);
  };
  return { renew: () => count(renewals), close: () => count(closings) };
});
