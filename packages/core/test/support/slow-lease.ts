/** A lease that is not open before it is told so, and counts its renewals. Runs in a thread. */
import { keepLease } from "@tasks/core/lease-thread";

keepLease((shared: SharedArrayBuffer) => {
  const counts = new Int32Array(shared);
  Atomics.wait(counts, 0, 0);
  return {
    renew: () => void Atomics.add(counts, 1, 1),
    close: () => undefined,
  };
});
